using T = Lentigo.OnnxExport.OnnxElementType;

namespace Lentigo.OnnxExport;

/// <summary>One use of an operator: what is known of its inputs, its attributes, and what follows for its outputs.</summary>
internal sealed class OperatorUse(
    string operation, int opset, IReadOnlyList<(OnnxElementType Type, IReadOnlyList<long> Shape)?> inputs, IReadOnlyDictionary<string, object> attributes, Func<int, OnnxTensor?> constant)
{
    public int Opset { get; } = opset;

    public IReadOnlyList<(OnnxElementType Type, IReadOnlyList<long> Shape)?> Inputs { get; } = inputs;

    public bool Has(int input) => input < Inputs.Count && Inputs[input] is not null;

    public OnnxElementType Type(int input) => Inputs[input]!.Value.Type;

    public IReadOnlyList<long> Shape(int input) => Inputs[input]!.Value.Shape;

    public int Rank(int input) => Shape(input).Count;

    public long Int(string name, long missing) => attributes.TryGetValue(name, out object? value) ? (long)value : missing;

    public string String(string name, string missing) => attributes.TryGetValue(name, out object? value) ? (string)value : missing;

    public long[]? Ints(string name) => attributes.TryGetValue(name, out object? value) ? (long[])value : null;

    public bool HasAttribute(string name) => attributes.ContainsKey(name);

    /// <summary>The numbers of an int64 input, which shapes depend on.</summary>
    public long[] Longs(int input) =>
        constant(input) is { ElementType: T.Int64 } tensor ? tensor.Longs.ToArray() : throw Fault($"input {input} must be a constant of int64, for the shapes to be known");

    /// <summary>The input if it is a constant, otherwise null.</summary>
    public OnnxTensor? Constant(int input) => Has(input) ? constant(input) : null;

    public int Axis(long axis, int rank)
    {
        Require(axis >= -rank && axis < rank, $"axis {axis} is outside the {rank} dimensions");
        return OnnxShape.Axis(axis, rank);
    }

    public void Require(bool condition, string fault)
    {
        if (!condition)
        {
            throw Fault(fault);
        }
    }

    public OnnxExportException Fault(string fault) => new($"{operation}: {fault}.");
}

/// <summary>What the specification says of an operator.</summary>
/// <param name="Since">The operator set in which the version that is described here came.</param>
/// <param name="Inputs">The least and the most inputs.</param>
/// <param name="Types">The element types of the first input.</param>
/// <param name="Attributes">Names and types of the attributes, of which those with an exclamation mark are required.</param>
/// <param name="Infer">Checks ranks and shapes, and gives the type and shape of each output.</param>
internal sealed record OnnxOperator(
    int Since, (int Least, int Most) Inputs, OnnxElementType[] Types, (string Name, Type Type)[] Attributes, Func<OperatorUse, (OnnxElementType Type, long[] Shape)[]> Infer);

/// <summary>
/// The operators that this library writes: their arity, types, attributes and shape rules, from the ONNX specification (Operators.md and Changelog.md).
/// The builder infers with this table, and <see cref="OnnxChecker"/> checks files with it.
/// </summary>
internal static class OnnxOperators
{
    private static readonly OnnxElementType[] Floats = [T.Float32, T.Float16, T.Float64];
    private static readonly OnnxElementType[] Numbers = [T.Float32, T.Float16, T.Float64, T.Int32, T.Int64, T.UInt8, T.Int8];
    private static readonly OnnxElementType[] Any = [.. Numbers, T.Boolean];

    public static IReadOnlyDictionary<string, OnnxOperator> All { get; } = new Dictionary<string, OnnxOperator>
    {
        ["Add"] = new(14, (2, 2), Numbers, [], Broadcast),
        ["Sub"] = new(14, (2, 2), Numbers, [], Broadcast),
        ["Mul"] = new(14, (2, 2), Numbers, [], Broadcast),
        ["Div"] = new(14, (2, 2), Numbers, [], Broadcast),
        ["Pow"] = new(15, (2, 2), Numbers, [], Broadcast),
        ["PRelu"] = new(16, (2, 2), Floats, [], u =>
        {
            u.Require(OnnxShape.Broadcast(u.Shape(0), u.Shape(1)) is { } shape && shape.SequenceEqual(u.Shape(0)), "the slope does not broadcast to the input");
            return Same(u);
        }),
        ["Relu"] = new(14, (1, 1), Numbers, [], Same),
        ["Sigmoid"] = new(13, (1, 1), Floats, [], Same),
        ["Tanh"] = new(13, (1, 1), Floats, [], Same),
        ["Erf"] = new(13, (1, 1), Numbers, [], Same),
        ["Sqrt"] = new(13, (1, 1), Floats, [], Same),
        ["Exp"] = new(13, (1, 1), Floats, [], Same),
        ["Abs"] = new(13, (1, 1), Numbers, [], Same),
        ["Neg"] = new(13, (1, 1), Floats, [], Same),
        ["Softplus"] = new(1, (1, 1), Floats, [], Same),
        ["HardSwish"] = new(14, (1, 1), Floats, [], Same),
        ["HardSigmoid"] = new(6, (1, 1), Floats, [("alpha", typeof(float)), ("beta", typeof(float))], Same),
        ["LeakyRelu"] = new(16, (1, 1), Floats, [("alpha", typeof(float))], Same),
        ["Elu"] = new(6, (1, 1), Floats, [("alpha", typeof(float))], Same),
        ["Selu"] = new(6, (1, 1), Floats, [("alpha", typeof(float)), ("gamma", typeof(float))], Same),
        ["Equal"] = new(13, (2, 2), Any, [], Compare),
        ["Greater"] = new(13, (2, 2), Numbers, [], Compare),
        ["Less"] = new(13, (2, 2), Numbers, [], Compare),
        ["And"] = new(7, (2, 2), [T.Boolean], [], Compare),
        ["Where"] = new(16, (3, 3), [T.Boolean], [], u =>
        {
            u.Require(u.Type(1) == u.Type(2), $"it chooses between {u.Type(1)} and {u.Type(2)}; they must be of one type");
            long[]? shape = OnnxShape.Broadcast(u.Shape(1), u.Shape(2)) is { } both ? OnnxShape.Broadcast(u.Shape(0), both) : null;
            return [(u.Type(1), shape ?? throw u.Fault($"{OnnxShape.Text(u.Shape(0))}, {OnnxShape.Text(u.Shape(1))} and {OnnxShape.Text(u.Shape(2))} do not broadcast"))];
        }),
        ["ArgMax"] = new(13, (1, 1), Numbers, [("axis", typeof(long)), ("keepdims", typeof(long)), ("select_last_index", typeof(long))], u =>
        {
            int axis = u.Axis(u.Int("axis", 0), u.Rank(0));
            bool keep = u.Int("keepdims", 1) != 0;
            return [(T.Int64, [.. u.Shape(0).Select((d, i) => i == axis ? 1 : d).Where((_, i) => keep || i != axis)])];
        }),
        ["Identity"] = new(16, (1, 1), Any, [], Same),
        ["Clip"] = new(13, (1, 3), Numbers, [], u =>
        {
            for (int i = 1; i < u.Inputs.Count; i++)
            {
                u.Require(!u.Has(i) || (u.Rank(i) == 0 && u.Type(i) == u.Type(0)), "its bounds must be scalars of the input's type");
            }

            return Same(u);
        }),
        ["Softmax"] = new(13, (1, 1), Floats, [("axis", typeof(long))], SameWithAxis),
        ["LogSoftmax"] = new(13, (1, 1), Floats, [("axis", typeof(long))], SameWithAxis),
        ["Cast"] = new(13, (1, 1), Any, [("to!", typeof(long))], u => [((OnnxElementType)u.Int("to", 0), [.. u.Shape(0)])]),
        ["Conv"] = new(11, (2, 3), Floats, ConvAttributes(), Conv),
        ["ConvTranspose"] = new(11, (2, 3), Floats, [.. ConvAttributes(), ("output_padding", typeof(long[])), ("output_shape", typeof(long[]))], ConvTranspose),
        ["MaxPool"] = new(12, (1, 1), [.. Floats, T.Int8, T.UInt8], PoolAttributes([("dilations", typeof(long[])), ("storage_order", typeof(long))]), Pool),
        ["AveragePool"] = new(11, (1, 1), Floats, PoolAttributes([("count_include_pad", typeof(long))]), Pool),
        ["GlobalAveragePool"] = new(1, (1, 1), Floats, [], GlobalPool),
        ["GlobalMaxPool"] = new(1, (1, 1), Floats, [], GlobalPool),
        ["BatchNormalization"] = new(15, (5, 5), Floats, [("epsilon", typeof(float)), ("momentum", typeof(float)), ("training_mode", typeof(long))], u =>
        {
            u.Require(u.Rank(0) >= 2, "its input needs channels");
            for (int i = 1; i < 5; i++)
            {
                u.Require(u.Rank(i) == 1 && u.Shape(i)[0] == u.Shape(0)[1], $"input {i} must be [{u.Shape(0)[1]}]");
            }

            return Same(u);
        }),
        ["InstanceNormalization"] = new(6, (3, 3), Floats, [("epsilon", typeof(float))], u =>
        {
            u.Require(u.Rank(0) >= 3, "its input needs a batch, channels and at least one dimension more");
            u.Require(u.Rank(1) == 1 && u.Shape(1)[0] == u.Shape(0)[1] && u.Rank(2) == 1 && u.Shape(2)[0] == u.Shape(0)[1], "scale and bias must have one number a channel");
            return Same(u);
        }),
        ["LayerNormalization"] = new(17, (2, 3), Floats, [("axis", typeof(long)), ("epsilon", typeof(float)), ("stash_type", typeof(long))], u =>
        {
            long[] normalized = [.. u.Shape(0).Skip(u.Axis(u.Int("axis", -1), u.Rank(0)))];
            u.Require(normalized.SequenceEqual(u.Shape(1)) && (!u.Has(2) || normalized.SequenceEqual(u.Shape(2))), $"scale and bias must be {OnnxShape.Text(normalized)}");
            return Same(u);
        }),
        ["Gemm"] = new(13, (2, 3), [.. Floats, T.Int32, T.Int64], [("alpha", typeof(float)), ("beta", typeof(float)), ("transA", typeof(long)), ("transB", typeof(long))], Gemm),
        ["MatMul"] = new(13, (2, 2), [.. Floats, T.Int32, T.Int64], [], MatMul),
        ["Flatten"] = new(13, (1, 1), Any, [("axis", typeof(long))], u =>
        {
            long axis = u.Int("axis", 1);
            u.Require(axis >= -u.Rank(0) && axis <= u.Rank(0), $"axis {axis} is outside the {u.Rank(0)} dimensions");
            int split = OnnxShape.Axis(axis, u.Rank(0));
            return [(u.Type(0), [Product(u, u.Shape(0).Take(split)), Product(u, u.Shape(0).Skip(split))])];
        }),
        ["Reshape"] = new(14, (2, 2), Any, [("allowzero", typeof(long))], Reshape),
        ["Transpose"] = new(13, (1, 1), Any, [("perm", typeof(long[]))], u =>
        {
            long[] permutation = u.Ints("perm") ?? [.. Enumerable.Range(0, u.Rank(0)).Reverse().Select(i => (long)i)];
            u.Require(permutation.Order().SequenceEqual(Enumerable.Range(0, u.Rank(0)).Select(i => (long)i)), $"[{string.Join(", ", permutation)}] is no permutation of {u.Rank(0)} axes");
            return [(u.Type(0), [.. permutation.Select(p => u.Shape(0)[(int)p])])];
        }),
        ["Concat"] = new(13, (1, int.MaxValue), Any, [("axis!", typeof(long))], Concat),
        ["Slice"] = new(13, (3, 5), Any, [], Slice),
        ["Gather"] = new(13, (2, 2), Any, [("axis", typeof(long))], u =>
        {
            u.Require(u.Type(1) is T.Int64 or T.Int32, "indices must be int32 or int64");
            int axis = u.Axis(u.Int("axis", 0), u.Rank(0));
            return [(u.Type(0), [.. u.Shape(0).Take(axis), .. u.Shape(1), .. u.Shape(0).Skip(axis + 1)])];
        }),
        ["Unsqueeze"] = new(13, (2, 2), Any, [], u =>
        {
            long[] axes = u.Longs(1);
            int rank = u.Rank(0) + axes.Length;
            HashSet<int> added = [.. axes.Select(a => u.Axis(a, rank))];
            u.Require(added.Count == axes.Length, "an axis is named twice");
            Queue<long> kept = new(u.Shape(0));
            return [(u.Type(0), [.. Enumerable.Range(0, rank).Select(i => added.Contains(i) ? 1 : kept.Dequeue())])];
        }),
        ["Squeeze"] = new(13, (2, 2), Any, [], u =>
        {
            HashSet<int> gone = [.. u.Longs(1).Select(a => u.Axis(a, u.Rank(0)))];
            u.Require(gone.All(i => u.Shape(0)[i] == 1), "only dimensions of length 1 can go");
            return [(u.Type(0), [.. u.Shape(0).Where((_, i) => !gone.Contains(i))])];
        }),
        ["Expand"] = new(13, (2, 2), Any, [], u =>
        {
            u.Require(u.Type(1) == T.Int64, "the shape must be int64");
            // A shape that the graph computes is that of a batch: its first dimension is the batch's length.
            long[] to = u.Constant(1) is { } known ? known.Longs.ToArray() : [-1, .. u.Shape(0).Skip(1)];
            return [(u.Type(0), OnnxShape.Broadcast(u.Shape(0), to) ?? throw u.Fault($"{OnnxShape.Text(u.Shape(0))} does not expand to {OnnxShape.Text(to)}"))];
        }),
        ["Shape"] = new(15, (1, 1), Any, [("start", typeof(long)), ("end", typeof(long))], u =>
        {
            long start = Math.Clamp(u.Int("start", 0) is var s && s < 0 ? s + u.Rank(0) : s, 0, u.Rank(0));
            long end = Math.Clamp(u.Int("end", u.Rank(0)) is var e && e < 0 ? e + u.Rank(0) : e, 0, u.Rank(0));
            return [(T.Int64, [Math.Max(0, end - start)])];
        }),
        ["Pad"] = new(18, (2, 4), Any, [("mode", typeof(string))], u =>
        {
            long[] pads = u.Longs(1);
            u.Require(pads.Length == 2 * u.Rank(0), $"it needs {2 * u.Rank(0)} pads, not {pads.Length}");
            return [(u.Type(0), [.. u.Shape(0).Select((d, i) => Grow(u, d, pads[i] + pads[i + u.Rank(0)]))])];
        }),
        ["Resize"] = new(18, (1, 4), Numbers, [("antialias", typeof(long)), ("axes", typeof(long[])), ("coordinate_transformation_mode", typeof(string)), ("cubic_coeff_a", typeof(float)), ("exclude_outside", typeof(long)), ("extrapolation_value", typeof(float)), ("keep_aspect_ratio_policy", typeof(string)), ("mode", typeof(string)), ("nearest_mode", typeof(string))], Resize),
        ["DepthToSpace"] = new(13, (1, 1), Any, [("blocksize!", typeof(long)), ("mode", typeof(string))], u =>
        {
            long block = u.Int("blocksize", 1);
            u.Require(u.Rank(0) == 4 && block >= 1 && u.Shape(0)[1] % (block * block) == 0, $"{OnnxShape.Text(u.Shape(0))} does not part into blocks of {block}");
            return [(u.Type(0), [u.Shape(0)[0], u.Shape(0)[1] / (block * block), u.Shape(0)[2] * block, u.Shape(0)[3] * block])];
        }),
        ["LSTM"] = new(14, (3, 8), Floats, [.. RecurrentAttributes(), ("input_forget", typeof(long))], u => Recurrent(u, gates: 4, states: 2)),
        ["GRU"] = new(14, (3, 6), Floats, [.. RecurrentAttributes(), ("linear_before_reset", typeof(long))], u => Recurrent(u, gates: 3, states: 1)),
        ["ReduceMean"] = new(18, (1, 2), Numbers, [("keepdims", typeof(long)), ("noop_with_empty_axes", typeof(long))], Reduce),
        ["ReduceSum"] = new(13, (1, 2), Numbers, [("keepdims", typeof(long)), ("noop_with_empty_axes", typeof(long))], Reduce),
        ["ReduceMax"] = new(18, (1, 2), Numbers, [("keepdims", typeof(long)), ("noop_with_empty_axes", typeof(long))], Reduce),
        ["QuantizeLinear"] = new(13, (2, 3), [T.Float32, T.Int32], [("axis", typeof(long))], u =>
        {
            CheckScale(u);
            return [(u.Has(2) ? u.Type(2) : T.UInt8, [.. u.Shape(0)])];
        }),
        ["DequantizeLinear"] = new(13, (2, 3), [T.UInt8, T.Int8, T.Int32], [("axis", typeof(long))], u =>
        {
            CheckScale(u);
            return [(T.Float32, [.. u.Shape(0)])];
        }),
    };

    /// <summary>Checks one use of an operator and gives the types and shapes of its outputs.</summary>
    /// <exception cref="OnnxExportException">It breaks a rule; the message says which.</exception>
    public static (OnnxElementType Type, long[] Shape)[] Infer(
        string operation, int opset, IReadOnlyList<(OnnxElementType Type, IReadOnlyList<long> Shape)?> inputs, IReadOnlyDictionary<string, object> attributes, Func<int, OnnxTensor?> constant)
    {
        if (!All.TryGetValue(operation, out OnnxOperator? schema))
        {
            throw new OnnxExportException($"{operation}: this library has no rules for the operator; give Node the type and the shape of what it makes. Known operators: {string.Join(", ", All.Keys.Order(StringComparer.Ordinal))}.");
        }

        OperatorUse use = new(operation, opset, inputs, attributes, constant);
        use.Require(opset >= schema.Since, $"it needs operator set {schema.Since}, the model has {opset}");
        use.Require(inputs.Count >= schema.Inputs.Least && inputs.Count <= schema.Inputs.Most, $"it has {inputs.Count} inputs, not {schema.Inputs.Least} to {schema.Inputs.Most}");
        for (int i = 0; i < schema.Inputs.Least && i < inputs.Count; i++)
        {
            use.Require(inputs[i] is not null, $"input {i} is missing");
        }

        use.Require(schema.Types.Contains(use.Type(0)), $"input 0 cannot be {use.Type(0)}");
        foreach ((string name, object value) in attributes)
        {
            Type? type = schema.Attributes.FirstOrDefault(a => a.Name.TrimEnd('!') == name).Type;
            use.Require(type is not null, $"it has no attribute '{name}'");
            use.Require(value.GetType() == type, $"the attribute '{name}' is a {value.GetType().Name}, not a {type!.Name}");
        }

        foreach ((string name, _) in schema.Attributes.Where(a => a.Name.EndsWith('!')))
        {
            use.Require(attributes.ContainsKey(name.TrimEnd('!')), $"the attribute '{name.TrimEnd('!')}' is missing");
        }

        return schema.Infer(use);
    }

    private static (string, Type)[] ConvAttributes() =>
        [("auto_pad", typeof(string)), ("dilations", typeof(long[])), ("group", typeof(long)), ("kernel_shape", typeof(long[])), ("pads", typeof(long[])), ("strides", typeof(long[]))];

    private static (string, Type)[] RecurrentAttributes() =>
        [("activation_alpha", typeof(float[])), ("activation_beta", typeof(float[])), ("clip", typeof(float)), ("direction", typeof(string)), ("hidden_size", typeof(long)), ("layout", typeof(long))];

    private static (string, Type)[] PoolAttributes((string, Type)[] more) =>
        [("auto_pad", typeof(string)), ("ceil_mode", typeof(long)), ("kernel_shape!", typeof(long[])), ("pads", typeof(long[])), ("strides", typeof(long[])), .. more];

    private static (OnnxElementType, long[])[] Same(OperatorUse use) => [(use.Type(0), [.. use.Shape(0)])];

    private static (OnnxElementType, long[])[] SameWithAxis(OperatorUse use)
    {
        use.Axis(use.Int("axis", -1), use.Rank(0));
        return Same(use);
    }

    private static (OnnxElementType, long[])[] Broadcast(OperatorUse use)
    {
        use.Require(use.Type(0) == use.Type(1), $"its inputs are {use.Type(0)} and {use.Type(1)}; they must be of one type");
        return [(use.Type(0), OnnxShape.Broadcast(use.Shape(0), use.Shape(1))
            ?? throw use.Fault($"{OnnxShape.Text(use.Shape(0))} and {OnnxShape.Text(use.Shape(1))} do not broadcast"))];
    }

    private static (OnnxElementType, long[])[] Compare(OperatorUse use) => [(T.Boolean, Broadcast(use)[0].Item2)];

    private static long Product(OperatorUse use, IEnumerable<long> shape) => OnnxShape.Product(shape) ?? throw use.Fault("two dimensions are unknown before the graph runs");

    /// <summary>A dimension made longer or shorter, which must then not be the batch.</summary>
    private static long Grow(OperatorUse use, long dimension, long by)
    {
        use.Require(by == 0 || dimension >= 0, "only the batch may be of unknown length, and it cannot be padded, cut or filtered");
        return dimension + by;
    }

    private static (OnnxElementType, long[])[] Conv(OperatorUse use)
    {
        int rank = use.Rank(0);
        use.Require(rank >= 3 && use.Rank(1) == rank, "input and weights must be [n, channels, ...] and [output, channels / group, ...]");
        IReadOnlyList<long> x = use.Shape(0), w = use.Shape(1);
        long group = use.Int("group", 1);
        use.Require(group >= 1 && x[1] == w[1] * group && w[0] % group == 0, $"{x[1]} channels do not fit weights {OnnxShape.Text(w)} in {group} groups");
        use.Require(!use.Has(2) || (use.Rank(2) == 1 && use.Shape(2)[0] == w[0]), $"the bias must be [{w[0]}]");
        use.Require(use.Ints("kernel_shape") is not { } kernel || kernel.SequenceEqual(w.Skip(2)), "kernel_shape is not that of the weights");
        return [(use.Type(0), [x[0], w[0], .. Windows(use, [.. w.Skip(2)])])];
    }

    private static (OnnxElementType, long[])[] ConvTranspose(OperatorUse use)
    {
        int rank = use.Rank(0), spatial = rank - 2;
        use.Require(rank >= 3 && use.Rank(1) == rank, "input and weights must be [n, channels, ...] and [channels, output / group, ...]");
        IReadOnlyList<long> x = use.Shape(0), w = use.Shape(1);
        long group = use.Int("group", 1);
        use.Require(x[1] == w[0] && x[1] % group == 0, $"{x[1]} channels do not fit weights {OnnxShape.Text(w)} in {group} groups");
        use.Require(!use.Has(2) || (use.Rank(2) == 1 && use.Shape(2)[0] == w[1] * group), $"the bias must be [{w[1] * group}]");
        use.Require(use.String("auto_pad", "NOTSET") == "NOTSET" && !use.HasAttribute("output_shape"), "give pads instead of auto_pad and output_shape");
        long[] strides = Spatial(use, "strides", spatial, 1), dilations = Spatial(use, "dilations", spatial, 1), extra = Spatial(use, "output_padding", spatial, 0);
        long[] pads = Spatial(use, "pads", 2 * spatial, 0), sizes = new long[spatial];
        for (int i = 0; i < spatial; i++)
        {
            use.Require(x[i + 2] > 0, "only the batch may be of unknown length");
            sizes[i] = strides[i] * (x[i + 2] - 1) + extra[i] + dilations[i] * (w[i + 2] - 1) + 1 - pads[i] - pads[i + spatial];
            use.Require(sizes[i] > 0, "nothing is left of the image");
        }

        return [(use.Type(0), [x[0], w[1] * group, .. sizes])];
    }

    private static (OnnxElementType, long[])[] Pool(OperatorUse use)
    {
        use.Require(use.Rank(0) >= 3, "its input must be [n, channels, ...]");
        return [(use.Type(0), [.. use.Shape(0).Take(2), .. Windows(use, use.Ints("kernel_shape")!)])];
    }

    private static (OnnxElementType, long[])[] GlobalPool(OperatorUse use)
    {
        use.Require(use.Rank(0) >= 3, "its input must be [n, channels, ...]");
        return [(use.Type(0), [.. use.Shape(0).Take(2), .. Enumerable.Repeat(1L, use.Rank(0) - 2)])];
    }

    private static long[] Spatial(OperatorUse use, string attribute, int length, long missing)
    {
        long[] values = use.Ints(attribute) ?? [.. Enumerable.Repeat(missing, length)];
        use.Require(values.Length == length && values.All(v => v >= missing), $"{attribute} must be {length} numbers of at least {missing}");
        return values;
    }

    /// <summary>How often a window fits along each spatial dimension.</summary>
    private static long[] Windows(OperatorUse use, long[] kernel)
    {
        int spatial = use.Rank(0) - 2;
        use.Require(kernel.Length == spatial && kernel.All(k => k >= 1), $"kernel_shape must be {spatial} positive numbers");
        use.Require(use.String("auto_pad", "NOTSET") == "NOTSET", "give pads instead of auto_pad");
        long[] strides = Spatial(use, "strides", spatial, 1), dilations = Spatial(use, "dilations", spatial, 1), pads = Spatial(use, "pads", 2 * spatial, 0);
        long[] windows = new long[spatial];
        for (int i = 0; i < spatial; i++)
        {
            long size = use.Shape(0)[i + 2];
            use.Require(size > 0, "only the batch may be of unknown length");
            long room = size + pads[i] + pads[i + spatial] - dilations[i] * (kernel[i] - 1) - 1;
            use.Require(room >= 0, $"a window of {kernel[i]} does not fit {size} pixels");
            windows[i] = (use.Int("ceil_mode", 0) != 0 ? (room + strides[i] - 1) / strides[i] : room / strides[i]) + 1;
        }

        return windows;
    }

    private static (OnnxElementType, long[])[] Gemm(OperatorUse use)
    {
        use.Require(use.Rank(0) == 2 && use.Rank(1) == 2, "its inputs must be matrices");
        bool a = use.Int("transA", 0) != 0, b = use.Int("transB", 0) != 0;
        long rows = use.Shape(0)[a ? 1 : 0], inner = use.Shape(0)[a ? 0 : 1], columns = use.Shape(1)[b ? 0 : 1];
        use.Require(inner == use.Shape(1)[b ? 1 : 0], $"{OnnxShape.Text(use.Shape(0))} and {OnnxShape.Text(use.Shape(1))} do not multiply");
        use.Require(!use.Has(2) || OnnxShape.Broadcast([rows, columns], use.Shape(2)) is { } sum && sum.SequenceEqual([rows, columns]), "the bias does not broadcast to the result");
        return [(use.Type(0), [rows, columns])];
    }

    private static (OnnxElementType, long[])[] MatMul(OperatorUse use)
    {
        IReadOnlyList<long> a = use.Shape(0), b = use.Shape(1);
        use.Require(use.Type(0) == use.Type(1), "its inputs must be of one type");
        use.Require(a.Count >= 2 && b.Count >= 2 && a[^1] == b[^2] && OnnxShape.Broadcast([.. a.SkipLast(2)], [.. b.SkipLast(2)]) is not null, $"{OnnxShape.Text(a)} and {OnnxShape.Text(b)} do not multiply");
        return [(use.Type(0), [.. OnnxShape.Broadcast([.. a.SkipLast(2)], [.. b.SkipLast(2)])!, a[^2], b[^1]])];
    }

    private static (OnnxElementType, long[])[] Reshape(OperatorUse use)
    {
        long[] wanted = use.Longs(1);
        use.Require(wanted.Count(d => d == -1) <= 1 && wanted.All(d => d >= -1), "at most one dimension may be left to be inferred");
        bool copies = use.Int("allowzero", 0) == 0;
        long[] shape = [.. wanted.Select((d, i) =>
        {
            use.Require(d != 0 || !copies || i < use.Rank(0), $"dimension {i} has nothing to copy");
            return d == 0 && copies ? use.Shape(0)[i] : d;
        })];
        int inferred = Array.IndexOf(wanted, -1);
        long total = Product(use, use.Shape(0)), known = Product(use, shape.Where((_, i) => i != inferred));
        if (inferred >= 0)
        {
            use.Require(known != 0 && total % known == 0 && (known > 0 || total < 0), $"{OnnxShape.Text(use.Shape(0))} does not reshape to [{string.Join(", ", wanted)}]");
            shape[inferred] = total / known;
        }
        else
        {
            use.Require(total == known, $"{OnnxShape.Text(use.Shape(0))} does not reshape to [{string.Join(", ", wanted)}]");
        }

        return [(use.Type(0), shape)];
    }

    private static (OnnxElementType, long[])[] Concat(OperatorUse use)
    {
        int axis = use.Axis(use.Int("axis", 0), use.Rank(0));
        long[] shape = [.. use.Shape(0)];
        for (int i = 1; i < use.Inputs.Count; i++)
        {
            use.Require(use.Type(i) == use.Type(0), "its inputs must be of one type");
            use.Require(use.Rank(i) == shape.Length && shape.Where((_, d) => d != axis).SequenceEqual(use.Shape(i).Where((_, d) => d != axis)), $"{OnnxShape.Text(use.Shape(i))} does not fit {OnnxShape.Text(use.Shape(0))}");
            use.Require((shape[axis] < 0) == (use.Shape(i)[axis] < 0), "a batch can be joined only with batches");
            shape[axis] += use.Shape(i)[axis];
        }

        return [(use.Type(0), shape)];
    }

    private static (OnnxElementType, long[])[] Slice(OperatorUse use)
    {
        long[] starts = use.Longs(1), ends = use.Longs(2), axes = use.Has(3) ? use.Longs(3) : [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)];
        long[] steps = use.Has(4) ? use.Longs(4) : [.. Enumerable.Repeat(1L, starts.Length)];
        use.Require(starts.Length == ends.Length && starts.Length == axes.Length && starts.Length == steps.Length && !steps.Contains(0), "starts, ends, axes and steps must be of one length, no step 0");
        long[] shape = [.. use.Shape(0)];
        for (int i = 0; i < starts.Length; i++)
        {
            int axis = use.Axis(axes[i], shape.Length);
            long size = shape[axis];
            use.Require(size >= 0, "the batch cannot be cut");
            long start = starts[i] < 0 ? starts[i] + size : starts[i], end = ends[i] < 0 ? Math.Max(ends[i], -size - 1) + size : ends[i];
            shape[axis] = steps[i] > 0
                ? Math.Max(0, (Math.Clamp(end, 0, size) - Math.Clamp(start, 0, size) + steps[i] - 1) / steps[i])
                : Math.Max(0, (Math.Clamp(start, 0, size - 1) - Math.Clamp(end, -1, size - 1) - steps[i] - 1) / -steps[i]);
        }

        return [(use.Type(0), shape)];
    }

    private static (OnnxElementType, long[])[] Resize(OperatorUse use)
    {
        int[] axes = [.. (use.Ints("axes") ?? [.. Enumerable.Range(0, use.Rank(0)).Select(i => (long)i)]).Select(a => use.Axis(a, use.Rank(0)))];
        use.Require(use.Has(2) != use.Has(3), "either scales or sizes must be given");
        long[] shape = [.. use.Shape(0)];
        if (use.Has(3))
        {
            long[] sizes = use.Longs(3);
            use.Require(sizes.Length == axes.Length && sizes.All(s => s > 0), $"{axes.Length} positive sizes are needed");
            foreach ((int axis, long size) in axes.Zip(sizes))
            {
                shape[axis] = size;
            }

            return [(use.Type(0), shape)];
        }

        float[] scales = use.Constant(2) is { ElementType: T.Float32 } constant ? constant.Floats.ToArray() : throw use.Fault("scales must be a constant of float32, for the shapes to be known");
        use.Require(scales.Length == axes.Length && scales.All(s => s > 0), $"{axes.Length} positive scales are needed");
        foreach ((int axis, float scale) in axes.Zip(scales))
        {
            use.Require(shape[axis] >= 0 || scale == 1, "the batch cannot be resized");
            shape[axis] = scale == 1 ? shape[axis] : (long)Math.Floor(shape[axis] * (double)scale);
        }

        return [(use.Type(0), shape)];
    }

    /// <summary>X [t, n, input], W [d, gates h, input], R [d, gates h, h], B [d, 2 gates h]; gives Y [t, d, n, h] and each last state [d, n, h].</summary>
    private static (OnnxElementType, long[])[] Recurrent(OperatorUse use, int gates, int states)
    {
        use.Require(use.Rank(0) == 3 && use.Rank(1) == 3 && use.Rank(2) == 3, "input and weights must have three dimensions");
        use.Require(use.Int("layout", 0) == 0, "layout must be 0");
        long directions = use.String("direction", "forward") == "bidirectional" ? 2 : 1, hidden = use.Int("hidden_size", use.Shape(2)[2]);
        use.Require(use.Shape(1).SequenceEqual([directions, gates * hidden, use.Shape(0)[2]]), $"W must be {OnnxShape.Text([directions, gates * hidden, use.Shape(0)[2]])}, not {OnnxShape.Text(use.Shape(1))}");
        use.Require(use.Shape(2).SequenceEqual([directions, gates * hidden, hidden]), $"R must be {OnnxShape.Text([directions, gates * hidden, hidden])}, not {OnnxShape.Text(use.Shape(2))}");
        use.Require(!use.Has(3) || use.Shape(3).SequenceEqual([directions, 2 * gates * hidden]), $"B must be {OnnxShape.Text([directions, 2 * gates * hidden])}");
        long[] state = [directions, use.Shape(0)[1], hidden];
        return [(use.Type(0), [use.Shape(0)[0], .. state]), .. Enumerable.Repeat((use.Type(0), state), states)];
    }

    private static (OnnxElementType, long[])[] Reduce(OperatorUse use)
    {
        HashSet<int> axes = use.Has(1) ? [.. use.Longs(1).Select(a => use.Axis(a, use.Rank(0)))] : [.. Enumerable.Range(0, use.Rank(0))];
        bool keep = use.Int("keepdims", 1) != 0;
        return [(use.Type(0), [.. use.Shape(0).Select((d, i) => (d, i)).Where(p => keep || !axes.Contains(p.i)).Select(p => axes.Contains(p.i) ? 1 : p.d)])];
    }

    private static void CheckScale(OperatorUse use)
    {
        use.Require(use.Type(1) == T.Float32, "the scale must be float32");
        use.Require(!use.Has(2) || use.Shape(2).SequenceEqual(use.Shape(1)), "scale and zero point must be of one shape");
        if (use.Rank(1) > 0)
        {
            int axis = use.Axis(use.Int("axis", 1), use.Rank(0));
            use.Require(use.Rank(1) == 1 && use.Shape(1)[0] == use.Shape(0)[axis], "a scale an axis must have one number for each of its entries");
        }
    }
}
