namespace Lentigo.OnnxExport;

/// <summary>
/// A module that has a forward of its own and writes the same computation to a graph, in the same words: <c>fc.call(x)</c> becomes
/// <c>graph.Call(fc, x)</c>, <c>a + b</c> becomes <c>graph.Add(a, b)</c>.
/// </summary>
public interface IOnnxExportable
{
    /// <summary>Writes what the module's forward computes in evaluation.</summary>
    /// <param name="graph">Where the nodes go.</param>
    /// <param name="input">What the forward takes.</param>
    /// <returns>What the forward returns.</returns>
    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input);
}
