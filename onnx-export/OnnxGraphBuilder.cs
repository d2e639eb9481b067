using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>Writes a module that is not <see cref="IOnnxExportable"/>, because it is somebody else's, to a graph.</summary>
/// <param name="graph">Where the nodes go.</param>
/// <param name="module">The module.</param>
/// <param name="input">What its forward takes.</param>
/// <returns>What its forward returns.</returns>
public delegate OnnxValue OnnxConverter(OnnxGraphBuilder graph, nn.Module module, OnnxValue input);

/// <summary>Writes a graph in the words of a forward. Each method adds the nodes for one operation and returns its result.</summary>
public sealed class OnnxGraphBuilder
{
    private readonly Dictionary<object, string> _modulePaths = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<IntPtr, string> _parameterPaths = [];
    private readonly Dictionary<string, int> _names = [];
    private readonly IReadOnlyDictionary<Type, OnnxConverter> _converters;
    private readonly Stack<(string Path, nn.Module Module)> _running = new();
    private readonly string _prefix;

    /// <param name="opset">The operator set.</param>
    /// <param name="converters">How to write modules that are not known.</param>
    /// <param name="prefix">What the names of all values begin with: those of a branch must not be those of the graph around it.</param>
    /// <param name="graph">The graph that is built further; a new one if not given.</param>
    internal OnnxGraphBuilder(int opset, IReadOnlyDictionary<Type, OnnxConverter>? converters = null, string prefix = "", OnnxGraph? graph = null)
    {
        Opset = opset;
        Graph = graph ?? new();
        _prefix = prefix;
        _converters = converters ?? new Dictionary<Type, OnnxConverter>();
    }

    /// <summary>The version of ONNX's operator set.</summary>
    public int Opset { get; }

    internal OnnxGraph Graph { get; }

    private string Path => _running.TryPeek(out var top) ? top.Path : "graph";

    /// <summary>Writes a module: <c>module.call(input)</c>.</summary>
    /// <exception cref="OnnxExportException">The module is of a kind that is not known.</exception>
    public OnnxValue Call(nn.Module module, OnnxValue input)
    {
        ArgumentNullException.ThrowIfNull(module);
        string path = _modulePaths.GetValueOrDefault(module) ?? $"{Path}.{module.GetName()}";
        _running.Push((path, module));
        try
        {
            OnnxValue output = module is IOnnxExportable own ? own.Export(this, input)
                : _converters.TryGetValue(module.GetType(), out OnnxConverter? converter) ? converter(this, module, input)
                : StandardModules.Export(this, module, input) ?? throw new OnnxExportException(
                    $"The module '{path}' ({module.GetType().Name}) is not one that this library knows. If it is yours, implement {nameof(IOnnxExportable)} on it and write its forward in the words "
                    + $"of {nameof(OnnxGraphBuilder)}; if it is not, add typeof({module.GetType().Name}) to {nameof(OnnxExportOptions)}.{nameof(OnnxExportOptions.Converters)}.");
            Graph.Modules.Add(new(path, module, output.Name));
            return output;
        }
        catch (OnnxExportException e) when (e.InnerException is null && !e.Message.Contains('\'', StringComparison.Ordinal))
        {
            throw new OnnxExportException($"The module '{path}' ({module.GetType().Name}): {e.Message}", e);
        }
        finally
        {
            _running.Pop();
        }
    }

    /// <summary>Writes an <see cref="IOnnxStagedNetwork"/> with what it computes on the way.</summary>
    /// <exception cref="OnnxExportException">It holds a module of a kind that is not known.</exception>
    internal OnnxStages CallStages(nn.Module network, OnnxValue input)
    {
        _running.Push((_modulePaths[network], network));
        try
        {
            return ((IOnnxStagedNetwork)network).ExportStages(this, input);
        }
        finally
        {
            _running.Pop();
        }
    }

    /// <summary>A parameter or buffer of the module, as a constant.</summary>
    public OnnxValue Parameter(Tensor parameter) => Parameter(parameter, transposed: false);

    /// <summary>A constant of float32.</summary>
    /// <param name="values">The numbers, row by row.</param>
    /// <param name="shape">The dimensions; none for a scalar.</param>
    public OnnxValue Constant(ReadOnlySpan<float> values, params long[] shape) => Constant(OnnxTensor.Of(values, shape));

    /// <summary>A constant of int64.</summary>
    /// <param name="values">The numbers, row by row.</param>
    /// <param name="shape">The dimensions; none for a scalar.</param>
    public OnnxValue Constant(ReadOnlySpan<long> values, params long[] shape) => Constant(OnnxTensor.Of(values, shape));

    /// <summary>A number of float32.</summary>
    public OnnxValue Constant(double value) => Constant([(float)value]);

    /// <summary>Any operator of ONNX that this library has the rules of.</summary>
    /// <param name="operation">The operator's name in the specification.</param>
    /// <param name="inputs">Its inputs, null where an optional one is left out.</param>
    /// <param name="attributes">Its attributes: long, float, string, long[] or float[].</param>
    /// <exception cref="OnnxExportException">The inputs break the operator's rules.</exception>
    public OnnxValue Node(string operation, IReadOnlyList<OnnxValue?> inputs, params (string Name, object Value)[] attributes)
    {
        return Nodes(operation, inputs, attributes)[0];
    }

    /// <summary>An operator of ONNX that this library has no rules of, by the type and shape of its only output; ONNX Runtime checks the rest when the file is loaded.</summary>
    /// <param name="operation">The operator's name in the specification.</param>
    /// <param name="type">The element type of what it makes.</param>
    /// <param name="shape">The shape of what it makes, in which -1 is the batch, as in <see cref="OnnxValue.Shape"/>.</param>
    /// <param name="inputs">Its inputs, null where an optional one is left out.</param>
    /// <param name="attributes">Its attributes: long, float, string, long[] or float[].</param>
    public OnnxValue Node(string operation, OnnxElementType type, IReadOnlyList<long> shape, IReadOnlyList<OnnxValue?> inputs, params (string Name, object Value)[] attributes)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return Add(operation, inputs, attributes.ToDictionary(a => a.Name, a => a.Value), [(type, [.. shape])])[0];
    }

    /// <summary>An operator's outputs, all of them.</summary>
    private OnnxValue[] Nodes(string operation, IReadOnlyList<OnnxValue?> inputs, params (string Name, object Value)[] attributes)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        Dictionary<string, object> named = attributes.ToDictionary(a => a.Name, a => a.Value);
        return Add(operation, inputs, named, OnnxOperators.Infer(
            operation,
            Opset,
            [.. inputs.Select(i => i is null ? ((OnnxElementType, IReadOnlyList<long>)?)null : (i.ElementType, i.Shape))],
            named,
            i => inputs[i] is { } value ? Graph.Constants.GetValueOrDefault(value.Name)?.Tensor : null));
    }

    private OnnxValue[] Add(string operation, IReadOnlyList<OnnxValue?> inputs, Dictionary<string, object> attributes, (OnnxElementType Type, long[] Shape)[] made)
    {
        string name = Unique($"{Path}/{operation}");
        OnnxValue[] outputs = [.. made.Select((m, i) => new OnnxValue(i == 0 ? name : Unique($"{name}.{i}"), m.Type, m.Shape))];
        foreach (OnnxValue output in outputs)
        {
            Graph.Values[output.Name] = output;
        }

        Graph.Nodes.Add(new(name, operation, [.. inputs.Select(i => i?.Name ?? "")], [.. outputs.Select(o => o.Name)], attributes) { Module = _running.TryPeek(out var top) ? top.Module : null });
        return outputs;
    }

    /// <summary>a + b, with broadcasting.</summary>
    public OnnxValue Add(OnnxValue a, OnnxValue b) => Node("Add", [a, b]);

    /// <summary>a - b, with broadcasting.</summary>
    public OnnxValue Subtract(OnnxValue a, OnnxValue b) => Node("Sub", [a, b]);

    /// <summary>a * b, with broadcasting.</summary>
    public OnnxValue Multiply(OnnxValue a, OnnxValue b) => Node("Mul", [a, b]);

    /// <summary>a / b, with broadcasting.</summary>
    public OnnxValue Divide(OnnxValue a, OnnxValue b) => Node("Div", [a, b]);

    /// <summary>The product of matrices.</summary>
    public OnnxValue MatMul(OnnxValue a, OnnxValue b) => Node("MatMul", [a, b]);

    /// <summary>max(0, x).</summary>
    public OnnxValue Relu(OnnxValue x) => Node("Relu", [x]);

    /// <summary>1 / (1 + exp(-x)).</summary>
    public OnnxValue Sigmoid(OnnxValue x) => Node("Sigmoid", [x]);

    /// <summary>x limited to a range.</summary>
    public OnnxValue Clip(OnnxValue x, double least, double most) => Node("Clip", [x, Constant(least), Constant(most)]);

    /// <summary>x sigmoid(x).</summary>
    public OnnxValue Silu(OnnxValue x) => Multiply(x, Sigmoid(x));

    /// <summary>x Φ(x), by the error function.</summary>
    public OnnxValue Gelu(OnnxValue x) =>
        Multiply(Multiply(x, Add(Node("Erf", [Divide(x, Constant(Math.Sqrt(2)))]), Constant(1))), Constant(0.5));

    /// <summary>The softmax along a dimension.</summary>
    public OnnxValue Softmax(OnnxValue x, long dim) => Node("Softmax", [x], ("axis", dim));

    /// <summary>The largest number in each window.</summary>
    public OnnxValue MaxPool2d(OnnxValue x, long kernel, long stride, long padding = 0) =>
        Node("MaxPool", [x], ("kernel_shape", new[] { kernel, kernel }), ("strides", new[] { stride, stride }), ("pads", new[] { padding, padding, padding, padding }));

    /// <summary>The mean over dimensions, which go, or stay with length 1.</summary>
    public OnnxValue Mean(OnnxValue x, IReadOnlyList<long> dims, bool keepDim = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(dims);
        // Over the pixels there is an operator that runtimes keep in their own layout.
        if (x.Rank == 4 && dims.Select(d => OnnxShape.Axis(d, 4)).Order().SequenceEqual([2, 3]))
        {
            OnnxValue pooled = Node("GlobalAveragePool", [x]);
            return keepDim ? pooled : Flatten(pooled, 1);
        }

        return Node("ReduceMean", [x, Constant([.. dims], dims.Count)], ("keepdims", keepDim ? 1L : 0L));
    }

    /// <summary>The dimensions from one on, or a range of them, made one.</summary>
    public OnnxValue Flatten(OnnxValue x, int startDim, int endDim = -1)
    {
        ArgumentNullException.ThrowIfNull(x);
        int start = OnnxShape.Axis(startDim, x.Rank), end = OnnxShape.Axis(endDim, x.Rank);
        if (start == 1 && end == x.Rank - 1)
        {
            return Node("Flatten", [x], ("axis", 1L));
        }

        long joined = OnnxShape.Product(x.Shape.Skip(start).Take(end - start + 1)) ?? throw new OnnxExportException("Two unknown dimensions cannot be joined.");
        return Reshape(x, [.. x.Shape.Take(start), joined, .. x.Shape.Skip(end + 1)]);
    }

    /// <summary>The same numbers in another shape, in which a negative number stands for the batch, as in <see cref="OnnxValue.Shape"/>.</summary>
    public OnnxValue Reshape(OnnxValue x, params long[] shape)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(shape);
        OnnxValue reshaped = Node("Reshape", [x, Constant([.. shape.Select(d => Math.Max(d, -1))], shape.Length)]);
        return reshaped.Shape.SequenceEqual(shape)
            ? reshaped
            : throw new OnnxExportException($"{OnnxShape.Text(x.Shape)} does not reshape to {OnnxShape.Text(shape)}.");
    }

    /// <summary>The dimensions in another order.</summary>
    public OnnxValue Permute(OnnxValue x, params long[] dims) => Node("Transpose", [x], ("perm", dims));

    /// <summary>Two dimensions swapped.</summary>
    public OnnxValue Transpose(OnnxValue x, int dim0, int dim1)
    {
        ArgumentNullException.ThrowIfNull(x);
        long[] order = [.. Enumerable.Range(0, x.Rank).Select(i => (long)i)];
        int a = OnnxShape.Axis(dim0, x.Rank), b = OnnxShape.Axis(dim1, x.Rank);
        (order[a], order[b]) = (order[b], order[a]);
        return Permute(x, order);
    }

    /// <summary>Tensors joined along a dimension.</summary>
    public OnnxValue Concat(IReadOnlyList<OnnxValue> values, long dim) => Node("Concat", values, ("axis", dim));

    /// <summary>One entry of a dimension, which goes.</summary>
    public OnnxValue Select(OnnxValue x, long dim, long index) => Node("Gather", [x, Constant([index])], ("axis", dim));

    /// <summary>The entries from start to before end of a dimension.</summary>
    public OnnxValue Slice(OnnxValue x, long dim, long start, long end, long step = 1) =>
        Node("Slice", [x, Constant([start], 1), Constant([end], 1), Constant([dim], 1), Constant([step], 1)]);

    /// <summary>A dimension in reverse order.</summary>
    public OnnxValue Flip(OnnxValue x, long dim) => Slice(x, dim, -1, long.MinValue / 2, -1);

    /// <summary>A dimension of length 1 more.</summary>
    public OnnxValue Unsqueeze(OnnxValue x, long dim) => Node("Unsqueeze", [x, Constant([dim], 1)]);

    /// <summary>x W^T + b, as <c>nn.functional.linear</c> has it: weight [out, in], bias [out] or none.</summary>
    public OnnxValue Linear(OnnxValue x, Tensor weight, Tensor? bias)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(weight);
        if (x.Rank == 2)
        {
            return Node("Gemm", [x, Parameter(weight), .. bias is null ? Array.Empty<OnnxValue>() : [Parameter(bias)]], ("transB", 1L));
        }

        OnnxValue product = MatMul(x, Parameter(weight, transposed: true));
        return bias is null ? product : Add(product, Parameter(bias));
    }

    /// <summary>softmax(q k^T / sqrt(d) + mask) v, of [..., tokens, d] each.</summary>
    /// <param name="query">What asks.</param>
    /// <param name="key">What is asked.</param>
    /// <param name="value">What is answered.</param>
    /// <param name="mask">What is added to the scores, such as <see cref="CausalMask"/>; null for nothing.</param>
    public OnnxValue ScaledDotProductAttention(OnnxValue query, OnnxValue key, OnnxValue value, OnnxValue? mask = null)
    {
        ArgumentNullException.ThrowIfNull(query);
        OnnxValue scores = MatMul(Multiply(query, Constant(1 / Math.Sqrt(query.Shape[^1]))), Transpose(key, -2, -1));
        return MatMul(Softmax(mask is null ? scores : Add(scores, mask), -1), value);
    }

    /// <summary>[t, t]: 0 for a token and those before it, minus infinity for those after it.</summary>
    public OnnxValue CausalMask(long tokens)
    {
        float[] mask = new float[tokens * tokens];
        for (long row = 0; row < tokens; row++)
        {
            mask.AsSpan((int)(row * tokens + row + 1), (int)(tokens - row - 1)).Fill(float.NegativeInfinity);
        }

        return Constant(mask, tokens, tokens);
    }

    /// <summary>Rows of a table: <c>nn.functional.embedding</c>.</summary>
    /// <param name="indices">int64 or int32 of any shape.</param>
    /// <param name="weight">[entries, width].</param>
    /// <returns>[..., width].</returns>
    public OnnxValue Embedding(OnnxValue indices, Tensor weight) => Node("Gather", [Parameter(weight), indices], ("axis", 0L));

    /// <summary>Padding: <c>nn.functional.pad</c>.</summary>
    /// <param name="x">What is padded.</param>
    /// <param name="padding">How much before and after the last dimension, then before and after the one before it, and so on, as PyTorch has it.</param>
    /// <param name="mode">How.</param>
    /// <param name="value">The number that <see cref="PaddingModes.Zeros"/> and <see cref="PaddingModes.Constant"/> pad with.</param>
    public OnnxValue Pad(OnnxValue x, IReadOnlyList<long> padding, PaddingModes mode = PaddingModes.Constant, double value = 0)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(padding);
        long[] pads = new long[2 * x.Rank];
        for (int i = 0; i < padding.Count / 2; i++)
        {
            (pads[x.Rank - 1 - i], pads[(2 * x.Rank) - 1 - i]) = (padding[2 * i], padding[(2 * i) + 1]);
        }

        string name = mode switch
        {
            PaddingModes.Zeros or PaddingModes.Constant => "constant",
            PaddingModes.Reflect => "reflect",
            PaddingModes.Replicate => "edge",
            PaddingModes.Circular when Opset >= 19 => "wrap",
            PaddingModes.Circular => throw new OnnxExportException("padding in a circle needs operator set 19: set Opset = 19."),
            _ => throw new OnnxExportException($"padding of the kind {mode} has no counterpart."),
        };
        OnnxValue constant = Constant(pads, pads.Length);
        return name == "constant" ? Node("Pad", [x, constant, Constant(value)], ("mode", name)) : Node("Pad", [x, constant], ("mode", name));
    }

    /// <summary>Another size of images, sequences or volumes [n, channels, ...]: <c>nn.functional.interpolate</c>, without antialiasing.</summary>
    /// <param name="x">What is resized.</param>
    /// <param name="size">The new sizes of the dimensions after the channels, or null where scales are given.</param>
    /// <param name="scale">What these dimensions are multiplied with, or null where sizes are given.</param>
    /// <param name="mode">How; <see cref="InterpolationMode.Area"/> has no counterpart.</param>
    /// <param name="alignCorners">Whether the corners' pixels lie on each other.</param>
    /// <param name="recompute">Whether coordinates follow from the sizes where scales are given.</param>
    public OnnxValue Interpolate(OnnxValue x, IReadOnlyList<long>? size, IReadOnlyList<double>? scale, InterpolationMode mode = InterpolationMode.Nearest, bool alignCorners = false, bool recompute = false)
    {
        ArgumentNullException.ThrowIfNull(x);
        long[] axes = [.. Enumerable.Range(2, x.Rank - 2).Select(i => (long)i)];
        long[]? sizes = size is null ? null : [.. size];
        float[]? scales = scale is null ? null : [.. axes.Select((_, i) => (float)scale[scale.Count == 1 ? 0 : i])];
        if (scales is not null && recompute)
        {
            sizes = [.. axes.Select((a, i) => (long)Math.Floor(x.Shape[(int)a] * (double)scales[i]))];
            scales = null;
        }

        if (sizes is { Length: 1 } && axes.Length > 1)
        {
            sizes = [.. axes.Select(_ => sizes[0])];
        }

        string name = mode switch
        {
            InterpolationMode.Nearest => "nearest",
            InterpolationMode.Linear or InterpolationMode.Bilinear or InterpolationMode.Trilinear => "linear",
            InterpolationMode.Bicubic => "cubic",
            _ => throw new OnnxExportException($"interpolation of the kind {mode} has no counterpart. Use nearest, linear, bilinear, trilinear or bicubic, or adaptive average pooling."),
        };
        List<(string, object)> attributes = [("mode", name), ("coordinate_transformation_mode", name == "nearest" ? "asymmetric" : alignCorners ? "align_corners" : "half_pixel")];
        attributes.AddRange(name == "nearest" ? [("nearest_mode", "floor")] : name == "cubic" ? [("cubic_coeff_a", -0.75f)] : Array.Empty<(string, object)>());
        if (scales is null && name == "nearest" && axes.Zip(sizes ?? throw new OnnxExportException("it has neither a size nor a scale."), (a, s) => s % x.Shape[(int)a] == 0).Contains(false))
        {
            // A scale that float32 does not hold exactly would choose other pixels where the nearest changes.
            return Node("Resize", [x, null, null, Constant(sizes, sizes.Length)], [.. attributes, ("axes", axes)]);
        }

        // Otherwise a scale for every dimension: ONNX Runtime 1.31 mistakes axes for positions where it moves channels last, between integer layers.
        scales ??= [.. axes.Select((a, i) => ScaleTo(x.Shape[(int)a], (sizes ?? throw new OnnxExportException("it has neither a size nor a scale."))[i]))];
        return Node("Resize", [x, null, Constant([1, 1, .. scales], x.Rank)], [.. attributes]);
    }

    /// <summary>A scale by which a length becomes another when rounded down.</summary>
    private static float ScaleTo(long from, long to)
    {
        float scale = (float)((double)to / from);
        return (long)Math.Floor(from * (double)scale) == to && (long)MathF.Floor(from * scale) == to ? scale : MathF.BitIncrement(scale);
    }

    /// <summary>Channels spread over pixels, [n, c r r, h, w] to [n, c, r h, r w]: <c>nn.functional.pixel_shuffle</c>.</summary>
    public OnnxValue PixelShuffle(OnnxValue x, long factor) => Node("DepthToSpace", [x], ("blocksize", factor), ("mode", "CRD"));

    /// <summary>Pixels gathered to channels, [n, c, r h, r w] to [n, c r r, h, w]: <c>nn.functional.pixel_unshuffle</c>.</summary>
    public OnnxValue PixelUnshuffle(OnnxValue x, long factor)
    {
        ArgumentNullException.ThrowIfNull(x);
        long n = x.Shape[0], c = x.Shape[1], h = x.Shape[2] / factor, w = x.Shape[3] / factor;
        return Reshape(Permute(Reshape(x, n, c, h, factor, w, factor), 0, 1, 3, 5, 2, 4), n, c * factor * factor, h, w);
    }

    /// <summary>Long short-term memory (Hochreiter and Schmidhuber 1997) of TorchSharp's module, from states of zero. Its forward returns three tensors, so that it is not called as others are.</summary>
    /// <param name="module">The module.</param>
    /// <param name="x">[t, n, width], or [n, t, width] with <paramref name="batchFirst"/>.</param>
    /// <param name="batchFirst">What the module was made with, which it does not tell.</param>
    /// <returns>The output [t, n, directions * hidden] (or [n, t, ...]), and the last states [layers * directions, n, hidden].</returns>
    public (OnnxValue Output, OnnxValue Hidden, OnnxValue Cell) Lstm(LSTM module, OnnxValue x, bool batchFirst = false)
    {
        // PyTorch's gates are input, forget, cell, output; ONNX's input, output, forget, cell.
        OnnxValue[] outputs = Recurrent(module, x, batchFirst, "LSTM", [0, 3, 1, 2]);
        return (outputs[0], outputs[1], outputs[2]);
    }

    /// <summary>A gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) of TorchSharp's module, from a state of zero.</summary>
    /// <param name="module">The module.</param>
    /// <param name="x">[t, n, width], or [n, t, width] with <paramref name="batchFirst"/>.</param>
    /// <param name="batchFirst">What the module was made with, which it does not tell.</param>
    /// <returns>The output [t, n, directions * hidden] (or [n, t, ...]), and the last state [layers * directions, n, hidden].</returns>
    public (OnnxValue Output, OnnxValue Hidden) Gru(GRU module, OnnxValue x, bool batchFirst = false)
    {
        // PyTorch's gates are reset, update, new; ONNX's update, reset, new. PyTorch applies the reset gate after the product.
        OnnxValue[] outputs = Recurrent(module, x, batchFirst, "GRU", [1, 0, 2], ("linear_before_reset", 1L));
        return (outputs[0], outputs[1]);
    }

    private OnnxValue[] Recurrent(nn.Module module, OnnxValue x, bool batchFirst, string operation, int[] gates, params (string, object)[] more)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(x);
        if (x.Rank != 3)
        {
            throw new OnnxExportException($"{operation} takes sequences [t, n, width], not {OnnxShape.Text(x.Shape)}.");
        }

        _running.Push((_modulePaths.GetValueOrDefault(module) ?? $"{Path}.{module.GetName()}", module));
        Dictionary<string, Tensor> parameters = module.named_parameters().ToDictionary(p => p.name, p => (Tensor)p.parameter);
        int layers = parameters.Keys.Count(k => k.StartsWith("weight_ih_l", StringComparison.Ordinal) && !k.EndsWith("_reverse", StringComparison.Ordinal));
        string[] directions = parameters.ContainsKey("weight_ih_l0_reverse") ? ["", "_reverse"] : [""];
        long hidden = parameters["weight_hh_l0"].shape[1];
        OnnxValue sequence = batchFirst ? Transpose(x, 0, 1) : x;
        List<OnnxValue>[] states = [.. Enumerable.Range(0, operation == "LSTM" ? 2 : 1).Select(_ => new List<OnnxValue>())];
        for (int layer = 0; layer < layers; layer++)
        {
            // [gates * hidden, ...] in ONNX's order of gates, a row for each direction.
            OnnxValue Ordered(string name) => Concat([.. gates.Select(g => Slice(Parameter(parameters[name], transposed: false, name), 0, g * hidden, (g + 1) * hidden))], 0);
            OnnxValue Stacked(Func<string, OnnxValue> each) => directions.Length == 1 ? Unsqueeze(each(directions[0]), 0) : Concat([.. directions.Select(d => Unsqueeze(each(d), 0))], 0);
            List<OnnxValue?> inputs = [sequence, Stacked(d => Ordered($"weight_ih_l{layer}{d}")), Stacked(d => Ordered($"weight_hh_l{layer}{d}"))];
            if (parameters.ContainsKey($"bias_ih_l{layer}"))
            {
                inputs.Add(Stacked(d => Concat([Ordered($"bias_ih_l{layer}{d}"), Ordered($"bias_hh_l{layer}{d}")], 0)));
            }

            OnnxValue[] made = Nodes(operation, inputs, [("hidden_size", hidden), ("direction", directions.Length == 2 ? "bidirectional" : "forward"), .. more]);
            // [t, directions, n, hidden] -> [t, n, directions * hidden]
            sequence = Reshape(Permute(made[0], 0, 2, 1, 3), sequence.Shape[0], sequence.Shape[1], directions.Length * hidden);
            for (int s = 0; s < states.Length; s++)
            {
                states[s].Add(made[s + 1]);
            }
        }

        OnnxValue[] outputs = [batchFirst ? Transpose(sequence, 0, 1) : sequence, .. states.Select(s => layers == 1 ? s[0] : Concat(s, 0))];
        _running.Pop();
        return outputs;
    }

    /// <summary>
    /// Multi-head attention (Vaswani et al. 2017, arXiv:1706.03762) of TorchSharp's module, whose forward takes three tensors: query [t, n, width], key and
    /// value [s, n, width]. Without masks, without the attention weights as a second result.
    /// </summary>
    /// <param name="module">The module.</param>
    /// <param name="query">What asks.</param>
    /// <param name="key">What is asked.</param>
    /// <param name="value">What is answered.</param>
    /// <param name="heads">The number of heads that the module was made with, which it does not tell.</param>
    /// <returns>[t, n, width].</returns>
    public OnnxValue MultiheadAttention(MultiheadAttention module, OnnxValue query, OnnxValue key, OnnxValue value, int heads)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        string path = _modulePaths.GetValueOrDefault(module) ?? $"{Path}.{module.GetName()}";
        long width = query.Shape[^1];
        if (heads < 1 || width % heads != 0)
        {
            throw new OnnxExportException($"The module '{path}' (MultiheadAttention): {width} channels do not part into {heads} heads.");
        }

        _running.Push((path, module));
        Dictionary<string, Tensor> parameters = module.named_parameters().ToDictionary(p => p.name, p => (Tensor)p.parameter);
        if (!parameters.TryGetValue("in_proj_weight", out Tensor? projection) || parameters.ContainsKey("bias_k"))
        {
            throw new OnnxExportException($"The module '{path}' (MultiheadAttention) has keys or values of another width, or biases added to them, which are not supported. Make it with the same width for all three and add_bias_kv: false.");
        }

        OnnxValue[] projected = [.. new[] { query, key, value }.Select((x, i) =>
        {
            OnnxValue weight = Slice(Parameter(projection, transposed: true, "in_proj_weight"), 1, i * width, (i + 1) * width);
            OnnxValue product = MatMul(x, weight);
            if (parameters.TryGetValue("in_proj_bias", out Tensor? bias))
            {
                product = Add(product, Slice(Parameter(bias, transposed: false, "in_proj_bias"), 0, i * width, (i + 1) * width));
            }

            // [t, n, width] -> [n, heads, t, width / heads]
            return Permute(Reshape(product, x.Shape[0], x.Shape[1], heads, width / heads), 1, 2, 0, 3);
        })];
        OnnxValue attended = ScaledDotProductAttention(projected[0], projected[1], projected[2]);
        OnnxValue joined = Reshape(Permute(attended, 2, 0, 1, 3), query.Shape[0], query.Shape[1], width);
        OnnxValue output = MatMul(joined, Parameter(parameters["out_proj.weight"], transposed: true, "out_proj.weight"));
        if (parameters.TryGetValue("out_proj.bias", out Tensor? outBias))
        {
            output = Add(output, Parameter(outBias, transposed: false, "out_proj.bias"));
        }

        _running.Pop();
        return output;
    }

    /// <summary>A tensor [1, ...] repeated for each row of a batch: <c>x.expand(like.shape[0], ...)</c>.</summary>
    public OnnxValue ExpandBatch(OnnxValue x, OnnxValue like)
    {
        ArgumentNullException.ThrowIfNull(x);
        OnnxValue batch = Node("Shape", [like], ("start", 0L), ("end", 1L));
        // Of k batches in one: an Expand is known to give one batch.
        int batches = (int)Math.Max(1, -like.Shape[0]);
        OnnxValue one = batches == 1 ? batch : Divide(batch, Constant([(long)batches], 1));
        OnnxValue expanded = Node("Expand", [x, Concat([one, Constant([.. x.Shape.Skip(1)], x.Rank - 1)], 0)]);
        return batches == 1 ? expanded : Concat([.. Enumerable.Repeat(expanded, batches)], 0);
    }

    /// <summary>Makes the paths of a network's modules known, so that names and errors say where a node comes from.</summary>
    internal void Root(nn.Module module, string name)
    {
        _modulePaths[module] = name;
        foreach ((string path, nn.Module child) in module.named_modules())
        {
            _modulePaths.TryAdd(child, path.Length == 0 ? name : $"{name}.{path}");
        }

        foreach ((string path, Tensor parameter) in module.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).Concat(module.named_buffers().Select(b => (b.name, b.buffer))))
        {
            _parameterPaths[parameter.Handle] = $"{name}.{path}";
        }
    }

    internal OnnxValue Input(string name, OnnxElementType type, IReadOnlyList<long> shape)
    {
        OnnxValue input = new(Unique(name), type, shape);
        Graph.Values[input.Name] = input;
        Graph.Inputs.Add((name, input));
        return input;
    }

    /// <summary>Gives a value its name as an output of the graph.</summary>
    internal void Output(string name, OnnxValue value)
    {
        OnnxValue output = new(name, value.ElementType, value.Shape);
        Graph.Nodes.Add(new(name, "Identity", [value.Name], [name], new Dictionary<string, object>()));
        Graph.Values[name] = output;
        Graph.Outputs.Add((name, output));
    }

    internal OnnxValue Constant(OnnxTensor tensor, string? name = null)
    {
        // Axes, shapes and scalars come again and again: one constant serves them all.
        if (name is null && tensor.Data.Length <= 64)
        {
            name = $"{_prefix}{tensor.ElementType}{OnnxShape.Text(tensor.Shape)}:{Convert.ToHexString(tensor.Data)}";
            if (Graph.Constants.ContainsKey(name))
            {
                return Graph.Values[name];
            }
        }

        OnnxValue value = new(name is null ? Unique($"{Path}/constant") : Count(name), tensor.ElementType, tensor.Shape);
        Graph.Values[value.Name] = value;
        Graph.Constants[value.Name] = new(tensor);
        return value;
    }

    internal OnnxValue Parameter(Tensor parameter, bool transposed, string? named = null)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        string name = named is not null ? $"{Path}.{named}" : _parameterPaths.GetValueOrDefault(parameter.Handle) ?? $"{Path}.parameter";
        if (Graph.Constants.TryGetValue(name, out OnnxConstant? same) && (named is not null || ReferenceEquals(same.Parameter, parameter)) && same.Transposed == transposed)
        {
            return Graph.Values[name];
        }

        OnnxTensor data = Read(parameter, name, transposed);
        OnnxValue value = new(Unique(name), data.ElementType, data.Shape);
        Graph.Values[value.Name] = value;
        Graph.Constants[value.Name] = new(data, IsWeight: true, parameter, transposed);
        return value;
    }

    private static OnnxTensor Read(Tensor parameter, string name, bool transposed)
    {
        ModuleCheck.Check(parameter, name);
        using DisposeScope scope = NewDisposeScope();
        Tensor contiguous = (transposed ? parameter.detach().t() : parameter.detach()).contiguous();
        return parameter.dtype == ScalarType.Int64
            ? OnnxTensor.Of(contiguous.data<long>().ToArray(), contiguous.shape)
            : OnnxTensor.Of(contiguous.data<float>().ToArray(), contiguous.shape);
    }

    private string Unique(string name) => Count(_prefix + name);

    private string Count(string name)
    {
        int times = _names[name] = _names.GetValueOrDefault(name) + 1;
        return times == 1 ? name : $"{name}#{times}";
    }
}
