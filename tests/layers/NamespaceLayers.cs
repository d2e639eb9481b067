using ArchUnitNET.Domain;
using ArchUnitNET.Loader;
using Assembly = System.Reflection.Assembly;

namespace Lentigo.Tests;

/// <summary>The namespaces of an assembly as layers, read from its compiled code.</summary>
/// <param name="assembly">The assembly.</param>
/// <param name="root">The namespace above all layers, itself the layer with the empty name.</param>
internal sealed class NamespaceLayers(Assembly assembly, string root)
{
    private readonly Architecture _architecture = new ArchLoader().LoadAssemblies(assembly).Build();

    /// <summary>The layers that have types.</summary>
    public IReadOnlyList<string> Names => [.. _architecture.Types.Where(IsInLayer).Select(LayerOf).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The dependencies that point upwards, as <c>Layer.Type -> Layer.Type</c>.</summary>
    /// <param name="order">All layers, the lowest first; a layer may use those before it.</param>
    public IReadOnlyList<string> Upwards(IReadOnlyList<string> order)
    {
        Dictionary<string, int> height = order.Index().ToDictionary(l => l.Item, l => l.Index);
        return [.. Dependencies.Where(d => height[LayerOf(d.From)] < height[LayerOf(d.To)]).Select(d => $"{NameOf(d.From)} -> {NameOf(d.To)}").Distinct().Order(StringComparer.Ordinal)];
    }

    /// <summary>The dependencies between types whose names end with this, by their names.</summary>
    public IReadOnlyList<(string From, string To)> Between(string suffix) =>
        [.. Dependencies.Select(d => (NameOf(d.From), NameOf(d.To))).Where(d => d.Item1 != d.Item2 && d.Item1.EndsWith(suffix, StringComparison.Ordinal) && d.Item2.EndsWith(suffix, StringComparison.Ordinal)).Distinct()];

    private IEnumerable<(IType From, IType To)> Dependencies =>
        _architecture.Types.Where(IsInLayer).SelectMany(t => t.Dependencies).Select(d => (d.Origin, d.Target)).Where(d => IsInLayer(d.Target));

    // Type parameters have no namespace.
    private bool IsInLayer(IType type) => type.Namespace is { FullName: var name } && (name == root || name.StartsWith(root + ".", StringComparison.Ordinal));

    private string LayerOf(IType type) => type.Namespace.FullName == root ? "" : type.Namespace.FullName[(root.Length + 1)..];

    // Nested types and closures count as the type that holds them.
    private string NameOf(IType type) => type.FullName[(root.Length + 1)..].Split('+', '/', '<')[0];
}
