using static TorchSharp.torch;

namespace Lentigo.Training.Weights;

/// <summary>One tensor of a weights file.</summary>
/// <param name="Shape">The sizes of its dimensions; empty for a scalar.</param>
/// <param name="DataType">The type of its elements.</param>
/// <param name="Data">The elements in row-major order, little-endian.</param>
internal sealed record WeightTensor(IReadOnlyList<long> Shape, ScalarType DataType, ReadOnlyMemory<byte> Data)
{
    /// <summary>The number of elements.</summary>
    public long Count => Shape.Aggregate(1L, (count, size) => count * size);

    /// <summary>A new tensor on the CPU with these elements.</summary>
    public Tensor ToTensor()
    {
        Tensor tensor = empty([.. Shape], dtype: DataType);
        if (!Data.IsEmpty)
        {
            Data.Span.CopyTo(tensor.bytes);
        }

        return tensor;
    }
}
