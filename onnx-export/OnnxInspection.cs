using Lentigo.OnnxExport.Proto;

namespace Lentigo.OnnxExport;

/// <summary>An input or output of a file's graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type and shape, such as <c>Float32 [n, 3, 64, 64]</c>.</param>
public sealed record OnnxPort(string Name, string Type);

/// <summary>A node of a file's graph.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Operation">The operator.</param>
/// <param name="Output">The element type and shape of its first output, or a question mark.</param>
/// <param name="ConstantBytes">The bytes of the constants that it reads, those that others read too included.</param>
public sealed record OnnxNodeSummary(string Name, string Operation, string Output, long ConstantBytes);

/// <summary>What a file holds.</summary>
/// <param name="FileBytes">The size of the file.</param>
/// <param name="IrVersion">The version of the file format.</param>
/// <param name="Opset">The version of the operator set.</param>
/// <param name="Producer">Who wrote it.</param>
/// <param name="DocString">The sentence for people.</param>
/// <param name="Metadata">Keys and values.</param>
/// <param name="Inputs">The graph's inputs.</param>
/// <param name="Outputs">The graph's outputs.</param>
/// <param name="Nodes">The nodes in order.</param>
/// <param name="ConstantBytes">The bytes of constants by element type.</param>
/// <param name="Parameters">The number of numbers in constants.</param>
public sealed record OnnxInspection(
    long FileBytes,
    long IrVersion,
    long Opset,
    string Producer,
    string DocString,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<OnnxPort> Inputs,
    IReadOnlyList<OnnxPort> Outputs,
    IReadOnlyList<OnnxNodeSummary> Nodes,
    IReadOnlyDictionary<OnnxElementType, long> ConstantBytes,
    long Parameters)
{
    /// <summary>Reads a file, of whatever producer.</summary>
    /// <exception cref="OnnxExportException">It cannot be read, or is no ONNX model.</exception>
    public static OnnxInspection Read(string path)
    {
        ModelProto model = OnnxFile.Read(path);
        GraphProto graph = model.Graph;
        Dictionary<string, string> types = graph.Input.Concat(graph.Output).Concat(graph.ValueInfo).DistinctBy(v => v.Name).ToDictionary(v => v.Name, Type);
        Dictionary<string, long> bytes = graph.Initializer.DistinctBy(t => t.Name).ToDictionary(t => t.Name, Bytes);
        return new(
            new FileInfo(path).Length,
            model.IrVersion,
            model.OpsetImport.FirstOrDefault(o => o.Domain is "" or "ai.onnx")?.Version ?? 0,
            $"{model.ProducerName} {model.ProducerVersion}".Trim(),
            model.DocString,
            model.MetadataProps.DistinctBy(p => p.Key).ToDictionary(p => p.Key, p => p.Value),
            [.. graph.Input.Select(i => new OnnxPort(i.Name, Type(i)))],
            [.. graph.Output.Select(o => new OnnxPort(o.Name, Type(o)))],
            [.. graph.Node.Select(n => new OnnxNodeSummary(n.Name, n.OpType, n.Output.Count > 0 ? types.GetValueOrDefault(n.Output[0], "?") : "?", n.Input.Distinct().Sum(i => bytes.GetValueOrDefault(i))))],
            graph.Initializer.GroupBy(t => (OnnxElementType)t.DataType).ToDictionary(g => g.Key, g => g.Sum(Bytes)),
            graph.Initializer.Sum(t => t.Dims.Aggregate(1L, (a, b) => a * b)));
    }

    private static long Bytes(TensorProto tensor) =>
        tensor.RawData.Length > 0 ? tensor.RawData.Length : tensor.Dims.Aggregate(1L, (a, b) => a * b) * OnnxTensor.Size((OnnxElementType)tensor.DataType);

    private static string Type(ValueInfoProto value)
    {
        if (value.Type?.TensorType is not { } tensor)
        {
            return "?";
        }

        string type = Enum.IsDefined((OnnxElementType)tensor.ElemType) ? $"{(OnnxElementType)tensor.ElemType}" : $"type {tensor.ElemType}";
        IEnumerable<string>? dimensions = tensor.Shape?.Dim.Select(d => d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue ? $"{d.DimValue}" : d.DimParam.Length > 0 ? d.DimParam : "?");
        return dimensions is null ? type : $"{type} [{string.Join(", ", dimensions)}]";
    }
}
