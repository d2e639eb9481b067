namespace Lentigo.OnnxExport;

/// <summary>
/// Reverse-mode differentiation over a finished graph: writes the backward pass of some of its nodes into a branch, which takes what it needs of the
/// forward pass, and every weight, from the graph around it. Cheap operations are done again in the branch: a runtime may then fuse them in the forward
/// pass, which nobody else reads from.
/// </summary>
/// <param name="graph">The graph.</param>
/// <param name="branch">Where the nodes go.</param>
/// <param name="views">How many views of each image the batch holds, view by view; the gradient is that of the first.</param>
internal sealed class OnnxGradient(OnnxGraph graph, OnnxGraphBuilder branch, int views)
{
    private static readonly HashSet<string> Repeated =
        ["Sigmoid", "Erf", "Softmax", "Add", "Sub", "Mul", "Div", "Reshape", "Flatten", "Transpose", "Slice", "Gather", "DequantizeLinear"];

    /// <summary>Constants of at most these bytes stand in the branch too: more than any shape needs.</summary>
    private const int MostCopied = 64;

    private readonly Dictionary<string, OnnxNode> producers = graph.Nodes.SelectMany(n => n.Outputs.Select(o => (o, n))).ToDictionary(p => p.o, p => p.n);
    private readonly Dictionary<string, OnnxValue> known = [];
    private Dictionary<string, OnnxValue> gradients = [];
    private HashSet<string> dependent = [];

    /// <summary>A value of the graph, for the nodes of the branch; of the first view, and in quantized graphs after its rounding.</summary>
    public OnnxValue Value(string name)
    {
        name = Rounded(name) ?? name;
        return known.TryGetValue(name, out OnnxValue? value) ? value : known[name] = Take(name);
    }

    /// <summary>A value of the graph that is not computed again, whatever made it.</summary>
    public OnnxValue Stage(string name)
    {
        if (Rounded(name) is null)
        {
            known[name] = Captured(name);
        }

        return Value(name);
    }

    /// <summary>The gradient of a value.</summary>
    /// <param name="of">The name of what is differentiated.</param>
    /// <param name="seed">The gradient at <paramref name="of"/>.</param>
    /// <param name="by">The name of the value whose gradient is asked for.</param>
    /// <exception cref="OnnxExportException">There is no way between the two, or an operator on it has no rule.</exception>
    public OnnxValue Of(string of, OnnxValue seed, string by)
    {
        dependent = [by];
        foreach (OnnxNode node in graph.Nodes.Where(n => n.Inputs.Exists(dependent.Contains)))
        {
            dependent.UnionWith(node.Outputs);
        }

        gradients = new() { [of] = seed };
        foreach (OnnxNode node in Enumerable.Reverse(graph.Nodes))
        {
            if (!dependent.Contains(node.Outputs[0]) || node.Outputs[0] == by || !gradients.Remove(node.Outputs[0], out OnnxValue? gradient))
            {
                continue;
            }

            Backward(node, gradient);
        }

        return gradients.GetValueOrDefault(by) ?? throw new OnnxExportException($"'{of}' does not depend on '{by}', so there is no gradient.");
    }

    private void Backward(OnnxNode node, OnnxValue gradient)
    {
        OnnxValue Input(int i) => Value(node.Inputs[i]);
        long Int(string name, long missing) => node.Attributes.TryGetValue(name, out object? value) ? (long)value : missing;
        switch (node.Operation)
        {
            case "Identity" or "QuantizeLinear" or "DequantizeLinear":
                // Rounding has the gradient 1 (Bengio et al. 2013, arXiv:1308.3432).
                Give(0, () => gradient);
                break;
            case "Add":
                Give(0, () => gradient);
                Give(1, () => gradient);
                break;
            case "Sub":
                Give(0, () => gradient);
                Give(1, () => branch.Node("Neg", [gradient]));
                break;
            case "Mul":
                Give(0, () => branch.Multiply(gradient, Input(1)));
                Give(1, () => branch.Multiply(gradient, Input(0)));
                break;
            case "Div" when !dependent.Contains(node.Inputs[1]):
                Give(0, () => branch.Divide(gradient, Input(1)));
                break;
            case "Relu":
                Give(0, () => branch.Node("Where", [branch.Node("Greater", [Value(node.Outputs[0]), branch.Constant(0)]), gradient, branch.Constant(0)]));
                break;
            case "Clip" when node.Inputs.Count == 3:
                Give(0, () => branch.Node("Where", [Inside(node), gradient, branch.Constant(0)]));
                break;
            case "Sigmoid":
                OnnxValue sigmoid = Value(node.Outputs[0]);
                Give(0, () => branch.Multiply(gradient, branch.Multiply(sigmoid, branch.Subtract(branch.Constant(1), sigmoid))));
                break;
            case "Erf":
                OnnxValue squared = branch.Multiply(Input(0), Input(0));
                Give(0, () => branch.Multiply(gradient, branch.Multiply(branch.Node("Exp", [branch.Node("Neg", [squared])]), branch.Constant(2 / Math.Sqrt(Math.PI)))));
                break;
            case "Softmax":
                OnnxValue softmax = Value(node.Outputs[0]);
                OnnxValue along = branch.Node("ReduceSum", [branch.Multiply(gradient, softmax), branch.Constant([Int("axis", -1)], 1)], ("keepdims", 1L));
                Give(0, () => branch.Multiply(softmax, branch.Subtract(gradient, along)));
                break;
            case "LayerNormalization" when OnnxShape.Axis(Int("axis", -1), Shape(node.Inputs[0]).Count) == Shape(node.Inputs[0]).Count - 1:
                Give(0, () => LayerNormalization(node, gradient));
                break;
            case "Conv" when !dependent.Contains(node.Inputs[1]):
                Give(0, () => Convolution(node, gradient));
                break;
            case "GlobalAveragePool":
                Give(0, () => Spread(node.Inputs[0], [.. Enumerable.Range(2, Shape(node.Inputs[0]).Count - 2)], gradient));
                break;
            case "ReduceMean" when node.Inputs.Count == 2:
                int rank = Shape(node.Inputs[0]).Count;
                int[] axes = [.. graph.Constants[node.Inputs[1]].Tensor.Longs.ToArray().Select(a => OnnxShape.Axis(a, rank)).Order()];
                OnnxValue kept = Int("keepdims", 1) != 0 ? gradient : branch.Node("Unsqueeze", [gradient, branch.Constant([.. axes.Select(a => (long)a)], axes.Length)]);
                Give(0, () => Spread(node.Inputs[0], axes, kept));
                break;
            case "Gemm" when Int("transA", 0) == 0 && !node.Attributes.ContainsKey("alpha") && !dependent.Contains(node.Inputs[1]):
                Give(0, () => branch.Node("Gemm", [gradient, Input(1)], ("transB", 1 - Int("transB", 0))));
                break;
            case "MatMul":
                Give(0, () => branch.MatMul(gradient, branch.Transpose(Input(1), -2, -1)));
                Give(1, () => branch.MatMul(branch.Transpose(Input(0), -2, -1), gradient));
                break;
            case "Reshape" or "Flatten":
                Give(0, () => branch.Reshape(gradient, [.. Shape(node.Inputs[0])]));
                break;
            case "Transpose":
                long[] order = (long[])node.Attributes["perm"];
                Give(0, () => branch.Permute(gradient, [.. Enumerable.Range(0, order.Length).Select(i => (long)Array.IndexOf(order, i))]));
                break;
            case "Slice" when Longs(node, 4) is [1] && Longs(node, 3) is [var along1] && Longs(node, 1) is [var start]:
                Give(0, () => Pad(node.Inputs[0], along1, start, gradient));
                break;
            case "Gather" when Longs(node, 1) is [var index] && graph.Constants[node.Inputs[1]].Tensor.Shape.Length == 0:
                Give(0, () => Pad(node.Inputs[0], Int("axis", 0), index, branch.Unsqueeze(gradient, Int("axis", 0))));
                break;
            case "Concat":
                int axis = OnnxShape.Axis(Int("axis", 0), gradient.Rank);
                long from = 0;
                for (int i = 0; i < node.Inputs.Count; i++)
                {
                    (long first, long length) = (from, Shape(node.Inputs[i])[axis]);
                    Give(i, () => branch.Slice(gradient, axis, first, first + length));
                    from += length;
                }

                break;
            default:
                throw new OnnxExportException(
                    $"The gradient of the operator {node.Operation}, as the node '{node.Name}' uses it, is not known, so the network has no explanation. Export it with Explanation = false, or build the stages that come after the explained one of other operators.");
        }

        void Give(int i, Func<OnnxValue> made)
        {
            string input = node.Inputs[i];
            if (!dependent.Contains(input))
            {
                return;
            }

            OnnxValue part = Unbroadcast(made(), Shape(input));
            gradients[input] = gradients.TryGetValue(input, out OnnxValue? other) ? branch.Add(other, part) : part;
        }
    }

    /// <summary>Where a Clip's result is strictly between its bounds.</summary>
    private OnnxValue Inside(OnnxNode clip)
    {
        float least = graph.Constants[clip.Inputs[1]].Tensor.Floats[0], most = graph.Constants[clip.Inputs[2]].Tensor.Floats[0];
        // The largest of the 256 steps is a hair below the upper bound, which it stands for.
        float upper = Rounded(clip.Outputs[0]) is null ? most : most - (most - least) / 512;
        OnnxValue clipped = Value(clip.Outputs[0]);
        return branch.Node("And", [branch.Node("Greater", [clipped, branch.Constant(least)]), branch.Node("Less", [clipped, branch.Constant(upper)])]);
    }

    private OnnxValue Convolution(OnnxNode node, OnnxValue gradient)
    {
        IReadOnlyList<long> input = Shape(node.Inputs[0]), output = Shape(node.Outputs[0]);
        long[] Ints(string name, int length, long missing) => node.Attributes.TryGetValue(name, out object? value) ? (long[])value : [.. Enumerable.Repeat(missing, length)];
        int spatial = input.Count - 2;
        long[] kernel = [.. Shape(node.Inputs[1]).Skip(2)], strides = Ints("strides", spatial, 1), pads = Ints("pads", 2 * spatial, 0), dilations = Ints("dilations", spatial, 1);
        // The pixels at the end that no window reached.
        long[] left = [.. Enumerable.Range(0, spatial).Select(i =>
            input[i + 2] - (strides[i] * (output[i + 2] - 1) + dilations[i] * (kernel[i] - 1) + 1 - pads[i] - pads[i + spatial]))];
        return branch.Node(
            "ConvTranspose",
            [gradient, Value(node.Inputs[1])],
            ("kernel_shape", kernel),
            ("strides", strides),
            ("pads", pads),
            ("dilations", dilations),
            ("group", node.Attributes.TryGetValue("group", out object? group) ? group : 1L),
            ("output_padding", left));
    }

    /// <summary>With x' = (x - mean) / deviation and g' = g scale: (g' - mean(g') - x' mean(g' x')) / deviation, means over the last dimension.</summary>
    private OnnxValue LayerNormalization(OnnxNode node, OnnxValue gradient)
    {
        OnnxValue x = Value(node.Inputs[0]);
        double epsilon = node.Attributes.TryGetValue("epsilon", out object? given) ? (float)given : 1e-5f;
        OnnxValue Mean(OnnxValue value) => branch.Mean(value, [-1], keepDim: true);
        OnnxValue centred = branch.Subtract(x, Mean(x));
        OnnxValue deviation = branch.Node("Sqrt", [branch.Add(Mean(branch.Multiply(centred, centred)), branch.Constant(epsilon))]);
        OnnxValue normalized = branch.Divide(centred, deviation), scaled = branch.Multiply(gradient, Value(node.Inputs[1]));
        OnnxValue parallel = branch.Multiply(normalized, Mean(branch.Multiply(scaled, normalized)));
        return branch.Divide(branch.Subtract(branch.Subtract(scaled, Mean(scaled)), parallel), deviation);
    }

    /// <summary>The gradient of a mean over axes, [.., 1, ..]: the same for all that went into it.</summary>
    private OnnxValue Spread(string input, int[] axes, OnnxValue gradient)
    {
        IReadOnlyList<long> shape = Shape(input);
        long[] spread = [.. shape.Select((d, i) => axes.Contains(i) ? d : 1)];
        long count = spread.Aggregate(1L, (a, b) => a * b);
        if (count < 1)
        {
            throw new OnnxExportException("A mean over the batch has no gradient for one image.");
        }

        float[] shares = new float[count];
        Array.Fill(shares, 1f / count);
        return branch.Multiply(gradient, branch.Constant(shares, spread));
    }

    /// <summary>The gradient of a part of a dimension: 0 for the rest.</summary>
    private OnnxValue Pad(string input, long dimension, long start, OnnxValue gradient)
    {
        IReadOnlyList<long> shape = Shape(input);
        int axis = OnnxShape.Axis(dimension, shape.Count);
        long before = start < 0 ? start + shape[axis] : start;
        long[] pads = new long[2 * shape.Count];
        (pads[axis], pads[axis + shape.Count]) = (before, shape[axis] - before - gradient.Shape[axis]);
        return branch.Node("Pad", [gradient, branch.Constant(pads, pads.Length)], ("mode", "constant"));
    }

    /// <summary>Sums over the dimensions in which an input was repeated.</summary>
    private OnnxValue Unbroadcast(OnnxValue gradient, IReadOnlyList<long> shape)
    {
        int more = gradient.Rank - shape.Count;
        long[] axes = [.. Enumerable.Range(0, gradient.Rank).Where(i => i < more || (shape[i - more] == 1 && gradient.Shape[i] != 1)).Select(i => (long)i)];
        if (axes.Length == 0)
        {
            return gradient;
        }

        OnnxValue sum = branch.Node("ReduceSum", [gradient, branch.Constant(axes, axes.Length)], ("keepdims", 1L));
        return more == 0 ? sum : branch.Reshape(sum, [.. shape]);
    }

    private OnnxValue Take(string name)
    {
        if (graph.Constants.TryGetValue(name, out OnnxConstant? constant))
        {
            // Axes, shapes and bounds must be known where they are used; weights stay the graph's.
            return constant.Tensor.Data.Length > MostCopied ? new(name, constant.Tensor.ElementType, constant.Tensor.Shape) : branch.Constant(constant.Tensor);
        }

        if (producers.TryGetValue(name, out OnnxNode? maker) && Repeated.Contains(maker.Operation) && maker.Inputs.TrueForAll(i => i.Length > 0))
        {
            return branch.Node(maker.Operation, [.. maker.Inputs.Select(Value)], [.. maker.Attributes.Select(a => (a.Key, a.Value))]);
        }

        return Captured(name);
    }

    /// <summary>A value as the forward pass has it.</summary>
    private OnnxValue Captured(string name)
    {
        OnnxValue value = graph.Values[name];
        if (views == 1 || value.Shape.All(d => d >= 0))
        {
            return value;
        }

        if (value.Shape[0] != -views)
        {
            throw new OnnxExportException($"The value '{name}' is {OnnxShape.Text(value.Shape)}; for the explanation of one of {views} views its batch must come first.");
        }

        return branch.Select(branch.Reshape(value, [views, -1, .. value.Shape.Skip(1)]), 0, 0);
    }

    /// <summary>What a quantized value is read as, or null.</summary>
    private string? Rounded(string name) => producers.ContainsKey($"{name}/rounded") ? $"{name}/rounded" : null;

    private IReadOnlyList<long> Shape(string name) =>
        // The branch has one view of each image.
        graph.Values.TryGetValue(name, out OnnxValue? value) ? [.. value.Shape.Select(d => d < 0 ? -1 : d)] : graph.Constants[name].Tensor.Shape;

    private long[]? Longs(OnnxNode node, int input) => node.Inputs.Count > input && graph.Constants.TryGetValue(node.Inputs[input], out OnnxConstant? constant) && constant.Tensor.ElementType == OnnxElementType.Int64
        ? constant.Tensor.Longs.ToArray()
        : null;
}
