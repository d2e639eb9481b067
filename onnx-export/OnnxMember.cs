using Google.Protobuf;
using Lentigo.OnnxExport.Proto;

namespace Lentigo.OnnxExport;

/// <summary>What is new in the graph of one member.</summary>
public sealed record OnnxMemberOptions
{
    /// <summary>The T of <c>probabilities</c> = softmax(<c>logits</c> / T).</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>What the output <c>suitability</c> is computed from; null for a graph without it.</summary>
    public OnnxSuitability? Suitability { get; init; }

    /// <summary>The file's description; null for none.</summary>
    public string? DocString { get; init; }

    /// <summary>The file's metadata; null for none.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}

/// <summary>
/// Cuts one network out of the graph of an ensemble that <see cref="OnnxEnsemble"/> wrote: the same input and outputs for a single member, weights as they are
/// stored. There is no input <c>explain</c> and no output <c>heatmaps</c>: onnxruntime-web refuses inputs that may be left out.
/// </summary>
public static class OnnxMember
{
    /// <summary>What the names of the ensemble's own outputs end with, until they are gone.</summary>
    private const string Old = ".ensemble";

    /// <summary>Writes the graph; the file is there only when it is whole.</summary>
    /// <param name="source">The ensemble's file.</param>
    /// <param name="member">The member's place in <c>member_logits</c>.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="options">What is new in it.</param>
    /// <exception cref="OnnxExportException">The source is not such a graph, has no such member, or a file cannot be read or written.</exception>
    public static void Cut(string source, int member, string path, OnnxMemberOptions options)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(options);
        ModelProto model = OnnxFile.Read(source);
        GraphProto graph = model.Graph;
        Dictionary<string, ValueInfoProto> outputs = graph.Output.ToDictionary(o => o.Name);
        foreach (string name in outputs.Keys)
        {
            Rename(graph, name, name + Old);
        }

        Dictionary<string, NodeProto> makers = graph.Node.SelectMany(n => n.Output.Select(o => (o, n))).ToDictionary(p => p.o, p => p.n);
        NodeProto logits = Joined(OnnxEnsemble.MemberLogits) ?? throw Strange($"it has no output '{OnnxEnsemble.MemberLogits}' that joins its members");
        int members = logits.Input.Count;
        if (member < 0 || member >= members)
        {
            throw new OnnxExportException($"{source} has {members} members; there is no member {member}, counted from 0.");
        }

        long classes = outputs[OnnxEnsemble.MemberLogits].Type.TensorType.Shape.Dim[2].DimValue;
        List<NodeProto> added = [];
        List<ValueInfoProto> kept = [];
        NodeProto unsqueezed = makers.GetValueOrDefault(logits.Input[member]) is { OpType: "Unsqueeze" } node
            ? node
            : throw Strange("its members' logits are not unsqueezed one by one");
        string own = Add(OnnxEnsemble.Logits, "Identity", [unsqueezed.Input[0]], [-1, classes]);
        Add(OnnxEnsemble.MemberLogits, "Identity", [unsqueezed.Output[0]], [-1, 1, classes]);
        string scaled = Node("scaled", "Mul", [own, Constant("inverse_temperature", 1 / options.Temperature)]);
        Add(OnnxEnsemble.Probabilities, "Softmax", [scaled], [-1, classes], ("axis", 1));

        // A member's features have length 1 / sqrt(members) in the ensemble, and 1 alone.
        if (Joined(OnnxEnsemble.Features) is { } features && features.Input.Count == members && Length(OnnxEnsemble.Features, member) is { } featureLength)
        {
            string alone = Add(OnnxEnsemble.Features, "Mul", [features.Input[member], Constant("length", Math.Sqrt(members))], [-1, featureLength]);
            if (Joined(OnnxEnsemble.StageStatistics) is { } statistics && statistics.Input.Count == members
                && Length(OnnxEnsemble.StageStatistics, member) is { } statisticLength)
            {
                string stages = Add(OnnxEnsemble.StageStatistics, "Identity", [statistics.Input[member]], [-1, statisticLength]);
                if (options.Suitability is { } suitability)
                {
                    AddSuitability(suitability, alone, stages, featureLength + statisticLength + 6);
                }
            }
        }

        if (options.Suitability is not null && kept.TrueForAll(o => o.Name != OnnxEnsemble.Suitability))
        {
            throw Strange("it lacks the features, stage statistics or suitability that the suitability of one member is made of");
        }

        graph.Node.Add(added);
        graph.Output.Clear();
        graph.Output.Add(kept);
        RemoveUnused(graph);
        model.DocString = options.DocString ?? "";
        model.MetadataProps.Clear();
        model.MetadataProps.Add((options.Metadata ?? new Dictionary<string, string>()).Select(m => new StringStringEntryProto { Key = m.Key, Value = m.Value }));
        OnnxFile.Write(model, path);

        // The node that joins the members' values in an output.
        NodeProto? Joined(string output) => makers.GetValueOrDefault(output + Old) is { OpType: "Concat" } node ? node : null;

        // The columns of a member in an output; the graph tells the shapes of what is computed on the way.
        long? Length(string output, int k) =>
            graph.ValueInfo.FirstOrDefault(v => v.Name == Joined(output)!.Input[k])?.Type.TensorType.Shape.Dim is [_, { DimValue: > 0 } columns]
                ? columns.DimValue
                : null;

        OnnxExportException Strange(string fault) =>
            new($"{source} is not the graph of an ensemble that this product wrote: {fault}. Name a package with two members or more.");

        string Constant(string name, double value) => Tensor($"member/{name}", OnnxTensor.Of([(float)value], []));

        string Tensor(string name, OnnxTensor tensor)
        {
            TensorProto written = new() { Name = name, DataType = (int)tensor.ElementType, RawData = ByteString.CopyFrom(tensor.Data) };
            written.Dims.AddRange(tensor.Shape);
            graph.Initializer.Add(written);
            return name;
        }

        string Node(string output, string operation, string[] inputs, params (string Name, long Value)[] attributes)
        {
            NodeProto node = new() { Name = $"member/{output}", OpType = operation, Input = { inputs }, Output = { output } };
            node.Attribute.AddRange(attributes.Select(a => new AttributeProto { Name = a.Name, I = a.Value, Type = AttributeType.Int }));
            added.Add(node);
            return output;
        }

        string Add(string output, string operation, string[] inputs, long[] shape, params (string Name, long Value)[] attributes)
        {
            kept.Add(OnnxGraph.Info(new(output, OnnxElementType.Float32, shape)));
            return Node(output, operation, inputs, attributes);
        }

        void AddSuitability(OnnxSuitability suitability, string alone, string stages, long length)
        {
            // From the old output along the first inputs up to what the ensemble's numbers are joined from: the pixels' means and deviations come last.
            NodeProto? at = makers.GetValueOrDefault(OnnxEnsemble.Suitability + Old);
            while (at is not null && at.OpType != "Concat")
            {
                at = at.Input.Count > 0 ? makers.GetValueOrDefault(at.Input[0]) : null;
            }

            if (at is null || at.Input.Count < 3)
            {
                return;
            }

            suitability.Check(length);
            int columns = suitability.Projection.Count / suitability.Mean.Count;
            string x = Node("suitability.x", "Concat", [alone, stages, at.Input[^2], at.Input[^1]], ("axis", 1));
            string centred = Node("suitability.centred", "Sub", [x, Tensor("suitability.mean", OnnxTensor.Of([.. suitability.Mean], 1, length))]);
            OnnxTensor stored = OnnxTensor.Of([.. suitability.Projection], length, columns);
            // Directions in which training images hardly differ may be stretched beyond what float16 holds.
            bool fits = suitability.Projection.All(p => Math.Abs(p) <= (float)Half.MaxValue);
            string projection = fits
                ? Node("suitability.projection", "Cast", [Tensor("suitability.projection.float16", stored.ToFloat16())], ("to", (long)OnnxElementType.Float32))
                : Tensor("suitability.projection", stored);
            string whitened = Node("suitability.whitened", "MatMul", [centred, projection]);
            string squares = Node("suitability.squares", "Mul", [whitened, whitened]);
            string distance = Node("suitability.distance", "ReduceMean", [squares, Tensor("suitability.axes", OnnxTensor.Of([1L], 1))], ("keepdims", 0));
            string above = Node("suitability.above", "Sub", [distance, Constant("suitability.offset", suitability.Offset)]);
            string beyond = Node("suitability.beyond", "Relu", [above]);
            Add(OnnxEnsemble.Suitability, "Exp", [Node("suitability.scaled", "Mul", [beyond, Constant("suitability.scale", -1 / suitability.Scale)])], [-1]);
        }
    }

    private static void Rename(GraphProto graph, string from, string to)
    {
        foreach (NodeProto node in graph.Node)
        {
            for (int i = 0; i < node.Input.Count; i++)
            {
                node.Input[i] = node.Input[i] == from ? to : node.Input[i];
            }

            for (int i = 0; i < node.Output.Count; i++)
            {
                node.Output[i] = node.Output[i] == from ? to : node.Output[i];
            }
        }
    }

    /// <summary>Takes out the nodes, constants, inputs and shapes that no output needs.</summary>
    private static void RemoveUnused(GraphProto graph)
    {
        HashSet<string> needed = [.. graph.Output.Select(o => o.Name)];
        List<NodeProto> nodes = [];
        foreach (NodeProto node in graph.Node.Reverse().Where(n => n.Output.Any(needed.Contains)))
        {
            needed.UnionWith(node.Input);
            nodes.Insert(0, node);
        }

        Keep(graph.Node, nodes);
        Keep(graph.Initializer, [.. graph.Initializer.Where(i => needed.Contains(i.Name))]);
        Keep(graph.Input, [.. graph.Input.Where(i => needed.Contains(i.Name))]);
        HashSet<string> made = [.. nodes.SelectMany(n => n.Output)], ends = [.. graph.Output.Select(o => o.Name)];
        Keep(graph.ValueInfo, [.. graph.ValueInfo.Where(v => made.Contains(v.Name) && !ends.Contains(v.Name))]);

        static void Keep<T>(Google.Protobuf.Collections.RepeatedField<T> field, List<T> kept)
        {
            field.Clear();
            field.Add(kept);
        }
    }
}
