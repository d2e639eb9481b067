namespace Lentigo.OnnxExport;

/// <summary>
/// Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391) in a finished graph: relu(sum_k a_k A_k), where A_k are the channels of a stage's map and a_k the mean
/// over its pixels of the gradient of a class's logit. It is the branch of an If, which runs only when it is asked for.
/// </summary>
internal static class OnnxExplanation
{
    public const string Input = "explain", Output = "heatmaps";

    /// <summary>The values of the input: no map, or each image's own most probable class; otherwise the class.</summary>
    public const long None = -1, MostProbable = -2;

    /// <summary>The least side of a map in pixels.</summary>
    private const long LeastSide = 8;

    /// <summary>A member's network: its stages and its logits, by their names in the graph.</summary>
    public sealed record Member(IReadOnlyList<OnnxValue> Maps, string Logits);

    /// <summary>The stage that is explained: the last one of at least 8 x 8, or the finest.</summary>
    public static int Stage(IReadOnlyList<long> sides) => Math.Max(0, sides.ToList().FindLastIndex(s => s >= LeastSide));

    /// <summary>
    /// Adds the input <c>explain</c> int64 [1], by default -1, and the output <c>heatmaps</c> [n, members, h, w], whose first dimension is 0 without
    /// explanation. Maps of different sides are enlarged, bilinearly, to the finest.
    /// </summary>
    /// <param name="graph">The graph after all passes.</param>
    /// <param name="opset">Its operator set.</param>
    /// <param name="members">The members.</param>
    /// <param name="logits">The name of the ensemble's logits [n, classes].</param>
    /// <param name="classes">Their number.</param>
    /// <param name="views">The number of views of each image; the first is explained.</param>
    public static void Add(OnnxGraph graph, int opset, IReadOnlyList<Member> members, string logits, int classes, int views)
    {
        OnnxValue explain = new(Input, OnnxElementType.Int64, [1]);
        graph.Inputs.Add((Input, explain));
        graph.Values[Input] = explain;
        graph.Constants[Input] = new(OnnxTensor.Of([None], 1));

        OnnxGraphBuilder branch = new(opset, prefix: $"{Output}/");
        // One number for the class of each image, and from it a row that is 1 there.
        OnnxValue top = branch.Node("ArgMax", [graph.Values[logits]], ("axis", 1L), ("keepdims", 1L));
        OnnxValue asked = branch.Node("Where", [branch.Node("Equal", [explain, branch.Constant([MostProbable], 1)]), top, explain]);
        OnnxValue row = branch.Constant([.. Enumerable.Range(0, classes).Select(c => (long)c)], 1, classes);
        OnnxValue seed = branch.Node("Cast", [branch.Node("Equal", [row, asked])], ("to", (long)OnnxElementType.Float32));
        OnnxGradient gradient = new(graph, branch, views);
        List<OnnxValue> maps = [.. members.Select(m => Map(branch, gradient, m, seed))];
        long side = maps.Max(m => m.Shape[2]), width = maps.Max(m => m.Shape[3]);
        OnnxValue all = branch.Concat([.. maps.Select(m => Enlarge(branch, m, side, width))], 1);
        branch.Output($"{Output}/maps", all);
        branch.Graph.RemoveUnused();

        OnnxGraphBuilder none = new(opset, prefix: $"{Output}/none/");
        none.Output($"{Output}/none", none.Constant(ReadOnlySpan<float>.Empty, 0, members.Count, side, width));

        OnnxGraphBuilder outer = new(opset, prefix: $"{Output}/if/", graph: graph);
        OnnxValue unasked = outer.Node("Equal", [explain, outer.Constant([None], 1)]);
        OnnxValue output = new(Output, OnnxElementType.Float32, all.Shape);
        graph.Values[Output] = output;
        graph.Outputs.Add((Output, output));
        graph.Nodes.Add(new(Output, "If", [unasked.Name], [Output], new Dictionary<string, object> { ["then_branch"] = none.Graph, ["else_branch"] = branch.Graph }));
    }

    private static OnnxValue Map(OnnxGraphBuilder branch, OnnxGradient gradient, Member member, OnnxValue seed)
    {
        string stage = member.Maps[Stage([.. member.Maps.Select(m => m.Shape[2])])].Name;
        OnnxValue map = gradient.Stage(stage);
        OnnxValue weights = branch.Node("GlobalAveragePool", [gradient.Of(member.Logits, seed, stage)]);
        return branch.Relu(branch.Node("ReduceSum", [branch.Multiply(map, weights), branch.Constant([1L], 1)], ("keepdims", 1L)));
    }

    private static OnnxValue Enlarge(OnnxGraphBuilder branch, OnnxValue map, long height, long width)
    {
        OnnxValue rows = map.Shape[2] == height ? map : branch.MatMul(Bilinear(branch, height, map.Shape[2]), map);
        return map.Shape[3] == width ? rows : branch.MatMul(rows, branch.Permute(Bilinear(branch, width, map.Shape[3]), 1, 0));
    }

    /// <summary>The matrix [to, from] of linear interpolation between the centres of pixels.</summary>
    private static OnnxValue Bilinear(OnnxGraphBuilder branch, long to, long from)
    {
        float[] matrix = new float[to * from];
        for (long i = 0; i < to; i++)
        {
            double at = Math.Clamp((i + 0.5) * from / to - 0.5, 0, from - 1);
            long left = Math.Min((long)at, from - 1), right = Math.Min(left + 1, from - 1);
            matrix[i * from + left] += (float)(1 - (at - left));
            matrix[i * from + right] += (float)(at - left);
        }

        return branch.Constant(matrix, to, from);
    }
}
