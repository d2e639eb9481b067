using Lentigo.OnnxExport.Proto;

namespace Lentigo.OnnxExport;

/// <summary>
/// Checks a file against the rules of the ONNX specification, without ONNX Runtime: versions, single assignment in topological order, and for every
/// node its operator's arity, attributes, types and shapes, compared with the types and shapes that the file states.
/// </summary>
public static class OnnxChecker
{
    /// <summary>Checks a file.</summary>
    /// <returns>What is wrong, a sentence each; none if nothing is.</returns>
    /// <exception cref="OnnxExportException">The file cannot be read, or is no ONNX model.</exception>
    public static IReadOnlyList<string> Check(string path) => Check(OnnxFile.Read(path));

    internal static IReadOnlyList<string> Check(ModelProto model)
    {
        List<string> faults = [];
        OperatorSetIdProto? set = model.OpsetImport.FirstOrDefault(o => o.Domain is "" or "ai.onnx");
        if (set is null)
        {
            return ["The model imports no operator set of the domain ai.onnx."];
        }

        // The specification's table of versions: operator set 18 came with IR version 8, 19 and 20 with 9, 21 and 22 with 10.
        int least = set.Version switch { <= 18 => 8, <= 20 => 9, _ => 10 };
        if (model.IrVersion < least)
        {
            faults.Add($"IR version {model.IrVersion} is older than operator set {set.Version}, which needs {least}.");
        }

        foreach (string key in model.MetadataProps.GroupBy(p => p.Key).Where(g => g.Count() > 1).Select(g => g.Key))
        {
            faults.Add($"The metadata key '{key}' stands twice.");
        }

        new GraphCheck(model.Graph, (int)set.Version, faults).Run();
        return faults;
    }

    private static readonly string[] Branches = ["then_branch", "else_branch"];

    private sealed class GraphCheck(GraphProto graph, int opset, List<string> faults, GraphCheck? outer = null)
    {
        // A branch may read what the graph around it has made so far, and may not give its own values the same names.
        private readonly Dictionary<string, (OnnxElementType Type, IReadOnlyList<long> Shape)> values = outer is null ? [] : new(outer.values);
        private readonly Dictionary<string, OnnxTensor> constants = outer is null ? [] : new(outer.constants);
        private readonly Dictionary<string, (OnnxElementType Type, IReadOnlyList<long> Shape)> stated = [];

        public void Run()
        {
            if (graph.Name.Length == 0)
            {
                faults.Add("The graph has no name.");
            }

            foreach (TensorProto tensor in graph.Initializer)
            {
                OnnxTensor? constant = Constant(tensor);
                if (constant is not null && Define(tensor.Name, (constant.ElementType, constant.Shape)))
                {
                    constants[tensor.Name] = constant;
                }
            }

            foreach (ValueInfoProto input in graph.Input)
            {
                if (Stated(input) is not { } value)
                {
                    continue;
                }

                // An input with a constant of its name may be left out: the constant is its default, and not known to be its value.
                if (!constants.Remove(input.Name))
                {
                    Define(input.Name, value);
                }
                else if (values[input.Name].Type != value.Type || !values[input.Name].Shape.SequenceEqual(value.Shape))
                {
                    faults.Add($"The input '{input.Name}' is {value.Type} {OnnxShape.Text(value.Shape)}, its default {values[input.Name].Type} {OnnxShape.Text(values[input.Name].Shape)}.");
                }
            }

            foreach (ValueInfoProto info in graph.ValueInfo.Concat(graph.Output))
            {
                if (Stated(info) is { } value)
                {
                    stated[info.Name] = value;
                }
            }

            foreach (NodeProto node in graph.Node)
            {
                Check(node);
            }

            foreach ((string name, var value) in stated)
            {
                if (!values.TryGetValue(name, out var inferred))
                {
                    faults.Add($"The value '{name}' is stated, but no node makes it.");
                }
                else if (inferred.Type != value.Type || !inferred.Shape.SequenceEqual(value.Shape))
                {
                    faults.Add($"The value '{name}' is stated as {value.Type} {OnnxShape.Text(value.Shape)} and is {inferred.Type} {OnnxShape.Text(inferred.Shape)}.");
                }
            }

            if (graph.Output.Count == 0)
            {
                faults.Add("The graph has no output.");
            }
        }

        private void Check(NodeProto node)
        {
            string where = $"The node '{node.Name}'";
            List<(OnnxElementType, IReadOnlyList<long>)?> inputs = [];
            foreach (string input in node.Input)
            {
                if (input.Length == 0)
                {
                    inputs.Add(null);
                }
                else if (values.TryGetValue(input, out var value))
                {
                    inputs.Add(value);
                }
                else
                {
                    faults.Add($"{where} takes '{input}', which nothing before it makes.");
                    return;
                }
            }

            if (node.Domain is not ("" or "ai.onnx"))
            {
                faults.Add($"{where} is of the domain '{node.Domain}', not of ONNX's own.");
                return;
            }

            if (node.OpType == "If")
            {
                CheckIf(node, where, inputs);
                return;
            }

            try
            {
                Dictionary<string, object> attributes = [];
                foreach (AttributeProto attribute in node.Attribute)
                {
                    if (!attributes.TryAdd(attribute.Name, Value(attribute)))
                    {
                        faults.Add($"{where} has the attribute '{attribute.Name}' twice.");
                    }
                }

                if (!OnnxOperators.All.ContainsKey(node.OpType) && node.Output.All(o => stated.ContainsKey(o)))
                {
                    // There are no rules to check it by: what the file says that it makes is believed, and ONNX Runtime checks it.
                    foreach (string output in node.Output)
                    {
                        Define(output, stated[output]);
                    }

                    return;
                }

                var outputs = OnnxOperators.Infer(node.OpType, opset, inputs, attributes, i => constants.GetValueOrDefault(node.Input[i]));
                if (outputs.Length != node.Output.Count)
                {
                    faults.Add($"{where} ({node.OpType}) has {node.Output.Count} outputs, not {outputs.Length}.");
                }

                foreach ((string name, (OnnxElementType Type, long[] Shape) output) in node.Output.Zip(outputs))
                {
                    Define(name, output);
                }
            }
            catch (OnnxExportException e)
            {
                faults.Add($"{where}: {e.Message}");
            }
        }

        /// <summary>An If's branches take nothing and give the same: here outputs of one type, and of one shape but for the first dimension.</summary>
        private void CheckIf(NodeProto node, string where, List<(OnnxElementType Type, IReadOnlyList<long> Shape)?> inputs)
        {
            if (inputs is not [{ Type: OnnxElementType.Boolean }])
            {
                faults.Add($"{where} (If) needs one input, of Boolean.");
            }

            List<(OnnxElementType Type, IReadOnlyList<long> Shape)>[] given = [.. Branches.Select(name =>
            {
                if (node.Attribute.FirstOrDefault(a => a.Name == name && a.Type == AttributeType.Graph)?.G is not { } branch)
                {
                    faults.Add($"{where} (If) has no '{name}'.");
                    return [];
                }

                GraphCheck check = new(branch, opset, faults, this);
                check.Run();
                return branch.Output.Select(o => check.values.GetValueOrDefault(o.Name)).ToList();
            })];
            if (given[0].Count != node.Output.Count || given[1].Count != node.Output.Count
                || given[0].Zip(given[1]).Any(p => p.First.Shape is null || p.Second.Shape is null || p.First.Type != p.Second.Type || !p.First.Shape.Skip(1).SequenceEqual(p.Second.Shape.Skip(1))))
            {
                faults.Add($"{where} (If) has branches that give different things.");
                return;
            }

            foreach ((string name, var output) in node.Output.Zip(given[1]))
            {
                Define(name, output);
            }
        }

        private bool Define(string name, (OnnxElementType, IReadOnlyList<long>) value)
        {
            if (name.Length > 0 && values.TryAdd(name, value))
            {
                return true;
            }

            faults.Add(name.Length == 0 ? "A value has no name." : $"The value '{name}' is made twice.");
            return false;
        }

        private OnnxTensor? Constant(TensorProto tensor)
        {
            OnnxTensor constant = new((OnnxElementType)tensor.DataType, [.. tensor.Dims], tensor.RawData.ToByteArray());
            if (!Enum.IsDefined(constant.ElementType) || constant.ElementType == OnnxElementType.Undefined)
            {
                faults.Add($"The constant '{tensor.Name}' is of the type {tensor.DataType}, which this library does not know.");
                return null;
            }

            if (constant.Shape.Any(d => d < 0) || constant.Data.LongLength != constant.Count * OnnxTensor.Size(constant.ElementType))
            {
                faults.Add($"The constant '{tensor.Name}' of {constant.ElementType} {OnnxShape.Text(constant.Shape)} has {constant.Data.LongLength} bytes of raw data, not {constant.Count * OnnxTensor.Size(constant.ElementType)}.");
                return null;
            }

            return constant;
        }

        private (OnnxElementType Type, long[] Shape)? Stated(ValueInfoProto info)
        {
            if (info.Type?.TensorType?.Shape is not { } shape || !Enum.IsDefined((OnnxElementType)info.Type.TensorType.ElemType))
            {
                faults.Add($"The value '{info.Name}' has no tensor type and shape.");
                return null;
            }

            long?[] dimensions = [.. shape.Dim.Select(d => d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue ? d.DimValue : OnnxShape.Parse(d.DimParam))];
            if (dimensions.Contains(null))
            {
                faults.Add($"The value '{info.Name}' has a dimension that is neither a number nor a multiple of the batch '{OnnxShape.Batch}'.");
                return null;
            }

            return ((OnnxElementType)info.Type.TensorType.ElemType, [.. dimensions.Select(d => d!.Value)]);
        }

        private static object Value(AttributeProto attribute) => attribute.Type switch
        {
            AttributeType.Int => attribute.I,
            AttributeType.Float => attribute.F,
            AttributeType.String => attribute.S.ToStringUtf8(),
            AttributeType.Ints => attribute.Ints.ToArray(),
            AttributeType.Floats => attribute.Floats.ToArray(),
            _ => throw new OnnxExportException($"The attribute '{attribute.Name}' is of the kind {attribute.Type}, which none of the operators known takes."),
        };
    }
}
