namespace Lentigo.OnnxExport;

/// <summary>
/// A tensor of the graph that is being built: what a <see cref="TorchSharp.torch.Tensor"/> is in a forward, but without data, so that a graph cannot
/// depend on it.
/// </summary>
public sealed class OnnxValue
{
    internal OnnxValue(string name, OnnxElementType elementType, IReadOnlyList<long> shape)
    {
        Name = name;
        ElementType = elementType;
        Shape = shape;
    }

    /// <summary>Its name in the graph.</summary>
    public string Name { get; }

    /// <summary>The type of its elements.</summary>
    public OnnxElementType ElementType { get; }

    /// <summary>Its dimensions. The batch, whose length is known only when the graph runs, is -1, and -k is k times the batch.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The number of dimensions.</summary>
    public int Rank => Shape.Count;

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {ElementType} {OnnxShape.Text(Shape)}";
}
