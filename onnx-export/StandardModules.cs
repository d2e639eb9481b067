using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>TorchSharp's own modules in ONNX's operators.</summary>
internal static class StandardModules
{
    /// <summary>The modules that <see cref="Export"/> writes, by their names in <c>TorchSharp.torch.nn</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AlphaDropout", "AvgPool1d", "AvgPool2d", "AvgPool3d", "BatchNorm1d", "BatchNorm2d",
        "BatchNorm3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "ELU", "Embedding",
        "FeatureAlphaDropout", "Flatten", "GELU", "GroupNorm", "Hardsigmoid", "Hardswish", "Identity", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "LayerNorm", "LeakyReLU", "Linear", "LogSigmoid", "LogSoftmax", "MaxPool1d",
        "MaxPool2d", "MaxPool3d", "Mish", "PReLU", "PixelShuffle", "PixelUnshuffle", "ReLU", "ReLU6", "ReflectionPad1d", "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "SELU", "Sequential",
        "SiLU", "Sigmoid", "Softmax", "Softplus", "Softsign", "Tanh", "Unflatten", "Upsample", "ZeroPad2d",
    ];

    /// <summary>The modules whose forward takes or gives several tensors, which a builder's own method writes.</summary>
    public static IReadOnlyList<string> WithMethods { get; } = ["LSTM", "GRU", "MultiheadAttention"];

    /// <summary>Writes the module; null if it is none of these.</summary>
    public static OnnxValue? Export(OnnxGraphBuilder graph, nn.Module module, OnnxValue x) => module switch
    {
        Sequential sequence => sequence.children().Aggregate(x, (value, child) => graph.Call(child, value)),
        Convolution convolution => Convolve(graph, convolution, x),
        Linear linear => graph.Linear(x, linear.weight, linear.bias),
        BatchNorm norm => Normalize(graph, norm, x),
        InstanceNorm { track_running_stats: true } norm => Normalize(graph, norm, x),
        InstanceNorm norm => graph.Node("InstanceNormalization", [x, Scale(graph, norm.weight, norm.num_features), Shift(graph, norm.bias, norm.num_features)], ("epsilon", (float)norm.eps)),
        LayerNorm norm => LayerNormalize(graph, norm, x),
        GroupNorm norm => GroupNormalize(graph, norm, x),

        MaxPool1d pool => MaxPool(graph, x, [pool.kernel_size], [pool.stride ?? pool.kernel_size], [pool.padding ?? 0], [pool.dilation ?? 1], pool.ceil_mode),
        MaxPool2d pool => MaxPool(graph, x, Both(pool.kernel_size, 2), Both(pool.stride ?? pool.kernel_size, 2), Both(pool.padding ?? [0], 2), Both(pool.dilation ?? [1], 2), pool.ceil_mode),
        AvgPool1d pool => AveragePool(graph, x, [pool.kernel_size], [pool.stride ?? pool.kernel_size], [pool.padding ?? 0], pool.ceil_mode, pool.count_include_pad, null),
        AvgPool2d pool => AveragePool(graph, x, Both(pool.kernel_size, 2), Both(pool.stride ?? pool.kernel_size, 2), Both(pool.padding ?? [0], 2), pool.ceil_mode, pool.count_include_pad, pool.divisor_override),
        MaxPool3d pool => MaxPool(graph, x, Both(pool.kernel_size, 3), Both(pool.stride ?? pool.kernel_size, 3), Both(pool.padding ?? [0], 3), Both(pool.dilation ?? [1], 3), pool.ceil_mode),
        AvgPool3d pool => AveragePool(graph, x, Both(pool.kernel_size, 3), Both(pool.stride ?? pool.kernel_size, 3), Both(pool.padding ?? [0], 3), pool.ceil_mode, pool.count_include_pad, pool.divisor_override),
        AdaptiveAvgPool3d pool => AdaptiveAverage(graph, x, Both(pool.output_size, 3)),
        AdaptiveAvgPool1d pool => AdaptiveAverage(graph, x, [pool.output_size]),
        AdaptiveAvgPool2d pool => AdaptiveAverage(graph, x, Both(pool.output_size, 2)),
        AdaptiveMaxPool1d pool => AdaptiveMax(graph, x, [pool.output_size]),
        AdaptiveMaxPool2d pool => AdaptiveMax(graph, x, Both(pool.output_size, 2)),

        Embedding embedding => graph.Node("Gather", [graph.Parameter(embedding.weight!, transposed: false, "weight"), x], ("axis", 0L)),
        Upsample upsample => graph.Interpolate(
            x, upsample.size.IsEmpty ? null : upsample.size.ToArray(), upsample.scale_factor.IsEmpty ? null : upsample.scale_factor.ToArray(), (InterpolationMode)upsample.mode, upsample.align_corners ?? false, upsample.recompute_scale_factor ?? false),
        PixelShuffle shuffle => graph.PixelShuffle(x, shuffle.upscale_factor),
        PixelUnshuffle shuffle => graph.PixelUnshuffle(x, shuffle.downscale_factor),
        // The mode is private: the type tells it.
        PadBase pad => graph.Pad(
            x, pad.padding, pad is ReflectionPad1d or ReflectionPad2d or ReflectionPad3d ? PaddingModes.Reflect : pad is ReplicationPad1d or ReplicationPad2d or ReplicationPad3d ? PaddingModes.Replicate : PaddingModes.Constant, pad.value),
        LSTM or GRU or MultiheadAttention => throw new OnnxExportException($"it takes or gives several tensors. In the Export of the module that calls it, write graph.{(module is LSTM ? "Lstm" : module is GRU ? "Gru" : "MultiheadAttention")}(...)."),

        ReLU => graph.Relu(x),
        ReLU6 => graph.Clip(x, 0, 6),
        SiLU => graph.Silu(x),
        GELU gelu => gelu.approximate == TorchSharp.Modules.GELU.Approximate.none ? graph.Gelu(x) : GeluByTanh(graph, x),
        Hardswish => graph.Node("HardSwish", [x]),
        Hardsigmoid => graph.Node("HardSigmoid", [x], ("alpha", 1f / 6), ("beta", 0.5f)),
        Sigmoid => graph.Sigmoid(x),
        LogSigmoid => graph.Node("Neg", [graph.Node("Softplus", [graph.Node("Neg", [x])])]),
        Tanh => graph.Node("Tanh", [x]),
        LeakyReLU relu => graph.Node("LeakyRelu", [x], ("alpha", (float)relu.negative_slope)),
        PReLU relu => graph.Node("PRelu", [x, Slope(graph, relu, x)]),
        ELU elu => graph.Node("Elu", [x], ("alpha", (float)elu.alpha)),
        SELU => graph.Node("Selu", [x]),
        Mish => graph.Multiply(x, graph.Node("Tanh", [graph.Node("Softplus", [x])])),
        Softplus { beta: 1 } => graph.Node("Softplus", [x]),
        Softsign => graph.Divide(x, graph.Add(graph.Constant(1), graph.Node("Abs", [x]))),
        Softmax softmax => graph.Softmax(x, softmax.dim),
        LogSoftmax softmax => graph.Node("LogSoftmax", [x], ("axis", softmax.dim)),

        Flatten flatten => graph.Flatten(x, (int)flatten.start_dim, (int)flatten.end_dim),
        Unflatten unflatten => Unfold(graph, unflatten, x),
        // In evaluation these return what they are given.
        Dropout or Dropout1d or Dropout2d or Dropout3d or AlphaDropout or FeatureAlphaDropout or Identity => x,
        _ => null,
    };

    private static OnnxValue Convolve(OnnxGraphBuilder graph, Convolution convolution, OnnxValue x)
    {
        long[] kernel = convolution.kernel_size, stride = convolution.stride, dilation = convolution.dilation;
        RequireBatch(x, kernel.Length);
        OnnxValue weight = graph.Parameter(convolution.weight);
        OnnxValue[] bias = convolution.bias is null ? [] : [graph.Parameter(convolution.bias)];
        if (convolution.transposed)
        {
            long[] padding = convolution.padding ?? new long[kernel.Length];
            return graph.Node(
                "ConvTranspose",
                [x, weight, .. bias],
                ("kernel_shape", kernel),
                ("strides", stride),
                ("pads", Twice(padding)),
                ("dilations", dilation),
                ("group", convolution.groups),
                ("output_padding", convolution.output_padding ?? new long[kernel.Length]));
        }

        // Padding that keeps the size puts the odd pixel behind.
        long[] before = convolution.padding_type switch
        {
            Padding.Same => [.. kernel.Zip(dilation, (k, d) => d * (k - 1) / 2)],
            Padding.Valid => new long[kernel.Length],
            _ => convolution.padding!,
        };
        long[] after = convolution.padding_type == Padding.Same ? [.. kernel.Zip(dilation, (k, d) => d * (k - 1) - d * (k - 1) / 2)] : before;
        long[] pads = [.. before, .. after];
        if (convolution.padding_mode != PaddingModes.Zeros)
        {
            x = graph.Pad(x, [.. before.Zip(after).Reverse().SelectMany(p => new[] { p.First, p.Second })], convolution.padding_mode);
            pads = new long[pads.Length];
        }

        return graph.Node("Conv", [x, weight, .. bias], ("kernel_shape", kernel), ("strides", stride), ("pads", pads), ("dilations", dilation), ("group", convolution.groups));
    }

    private static OnnxValue Normalize(OnnxGraphBuilder graph, NormBase norm, OnnxValue x)
    {
        if (!norm.track_running_stats)
        {
            throw new OnnxExportException("it normalizes by the statistics of its batch even in evaluation (track_running_stats: false), so that an answer depends on its neighbours. Train it with track_running_stats: true.");
        }

        return graph.Node(
            "BatchNormalization",
            [x, Scale(graph, norm.weight, norm.num_features), Shift(graph, norm.bias, norm.num_features), graph.Parameter(norm.running_mean!), graph.Parameter(norm.running_var!)],
            ("epsilon", (float)norm.eps));
    }

    private static OnnxValue LayerNormalize(OnnxGraphBuilder graph, LayerNorm norm, OnnxValue x)
    {
        long[] shape = norm.normalized_shape;
        OnnxValue scale = norm.weight is not null ? graph.Parameter(norm.weight) : graph.Constant(Ones(shape.Aggregate(1L, (a, b) => a * b)), shape);
        return graph.Node("LayerNormalization", [x, scale, .. norm.bias is null ? Array.Empty<OnnxValue>() : [graph.Parameter(norm.bias)]], ("axis", -(long)shape.Length), ("epsilon", (float)norm.eps));
    }

    /// <summary>Each group normalized as one channel of an instance normalization, then each channel's own scale and shift.</summary>
    private static OnnxValue GroupNormalize(OnnxGraphBuilder graph, GroupNorm norm, OnnxValue x)
    {
        RequireBatch(x, x.Rank - 2);
        long groups = norm.num_groups, channels = x.Shape[1];
        long inGroup = OnnxShape.Product(x.Shape.Skip(1)) is { } all && all % groups == 0 ? all / groups : throw new OnnxExportException($"{OnnxShape.Text(x.Shape)} does not part into {groups} groups.");
        OnnxValue parted = graph.Reshape(x, x.Shape[0], groups, inGroup);
        OnnxValue normalized = graph.Node("InstanceNormalization", [parted, graph.Constant(Ones(groups), groups), graph.Constant(new float[groups], groups)], ("epsilon", (float)norm.eps));
        OnnxValue back = graph.Reshape(normalized, [.. x.Shape]);
        if (norm.weight is null)
        {
            return back;
        }

        long[] perChannel = [channels, .. Enumerable.Repeat(1L, x.Rank - 2)];
        return graph.Add(graph.Multiply(back, graph.Reshape(graph.Parameter(norm.weight), perChannel)), graph.Reshape(graph.Parameter(norm.bias!), perChannel));
    }

    private static OnnxValue MaxPool(OnnxGraphBuilder graph, OnnxValue x, long[] kernel, long[] stride, long[] padding, long[] dilation, bool ceil)
    {
        RequireBatch(x, kernel.Length);
        long[] overhang = ceil ? Overhang(x, kernel, stride, padding, dilation) : new long[kernel.Length];
        return graph.Node("MaxPool", [x], ("kernel_shape", kernel), ("strides", stride), ("pads", (long[])[.. padding, .. padding.Zip(overhang, (p, o) => p + o)]), ("dilations", dilation));
    }

    private static OnnxValue AveragePool(OnnxGraphBuilder graph, OnnxValue x, long[] kernel, long[] stride, long[] padding, bool ceil, bool countPadding, long? divisor)
    {
        RequireBatch(x, kernel.Length);
        long[] overhang = ceil ? Overhang(x, kernel, stride, padding, [.. Enumerable.Repeat(1L, kernel.Length)]) : new long[kernel.Length];
        // PyTorch counts the padding as zeros, if it counts it, but never what a last window hangs over the edge; and divides by another number if told to.
        if ((countPadding || divisor is not null) && (padding.Any(p => p > 0) || divisor is not null))
        {
            long[] after = divisor is null ? padding : [.. padding.Zip(overhang, (p, o) => p + o)];
            x = graph.Node("Pad", [x, graph.Constant([0, 0, .. padding, 0, 0, .. after], 2 * x.Rank)]);
            padding = new long[kernel.Length];
            overhang = divisor is null ? overhang : new long[kernel.Length];
        }

        OnnxValue mean = graph.Node("AveragePool", [x], ("kernel_shape", kernel), ("strides", stride), ("pads", (long[])[.. padding, .. padding.Zip(overhang, (p, o) => p + o)]));
        return divisor is null ? mean : graph.Multiply(mean, graph.Constant((double)kernel.Aggregate(1L, (a, b) => a * b) / divisor.Value));
    }

    /// <summary>
    /// How far the last windows reach over the padded edge when sizes are rounded up, by PyTorch's rule that a window starts inside the input or the padding
    /// before it. Runtimes differ on ONNX's <c>ceil_mode</c>; padding is plain.
    /// </summary>
    private static long[] Overhang(OnnxValue x, long[] kernel, long[] stride, long[] padding, long[] dilation) => [.. Enumerable.Range(0, kernel.Length).Select(i =>
    {
        long size = x.Shape[i + 2], reach = dilation[i] * (kernel[i] - 1) + 1;
        long windows = (size + 2 * padding[i] - reach + stride[i] - 1) / stride[i] + 1;
        if ((windows - 1) * stride[i] >= size + padding[i])
        {
            windows--;
        }

        return Math.Max(0, (windows - 1) * stride[i] + reach - size - 2 * padding[i]);
    })];

    private static OnnxValue AdaptiveAverage(OnnxGraphBuilder graph, OnnxValue x, long[] output)
    {
        RequireBatch(x, output.Length);
        if (output.All(o => o == 1))
        {
            return graph.Node("GlobalAveragePool", [x]);
        }

        long[] input = [.. x.Shape.Skip(2)];
        if (input.Zip(output, (i, o) => i % o == 0).All(even => even))
        {
            long[] kernel = [.. input.Zip(output, (i, o) => i / o)];
            return graph.Node("AveragePool", [x], ("kernel_shape", kernel), ("strides", kernel));
        }

        if (output.Length == 3)
        {
            return Enumerable.Range(2, 3).Aggregate(x, (value, dim) => graph.Transpose(
                graph.MatMul(graph.Transpose(value, dim, 4), graph.Constant(Averages(input[dim - 2], output[dim - 2], transposed: true), input[dim - 2], output[dim - 2])), dim, 4));
        }

        // Windows of unlike sizes are a product with a matrix of averages, one for each dimension.
        if (output.Length == 2)
        {
            x = graph.MatMul(graph.Constant(Averages(input[0], output[0], transposed: false), output[0], input[0]), x);
        }

        return graph.MatMul(x, graph.Constant(Averages(input[^1], output[^1], transposed: true), input[^1], output[^1]));
    }

    private static OnnxValue AdaptiveMax(OnnxGraphBuilder graph, OnnxValue x, long[] output)
    {
        RequireBatch(x, output.Length);
        for (int i = 0; i < output.Length; i++)
        {
            int dim = i + 2;
            long size = x.Shape[dim];
            x = output[i] == size ? x : graph.Concat(
                [.. Enumerable.Range(0, (int)output[i]).Select(o =>
                {
                    (long start, long end) = Window(o, size, output[i]);
                    return graph.Node("ReduceMax", [graph.Slice(x, dim, start, end), graph.Constant([(long)dim], 1)], ("keepdims", 1L));
                })],
                dim);
        }

        return x;
    }

    /// <summary>PyTorch's adaptive windows: from floor(o size / n) to before ceil((o + 1) size / n).</summary>
    private static (long Start, long End) Window(long o, long size, long n) => (o * size / n, ((o + 1) * size + n - 1) / n);

    private static float[] Averages(long input, long output, bool transposed)
    {
        float[] matrix = new float[input * output];
        for (long o = 0; o < output; o++)
        {
            (long start, long end) = Window(o, input, output);
            for (long i = start; i < end; i++)
            {
                matrix[transposed ? i * output + o : o * input + i] = 1f / (end - start);
            }
        }

        return matrix;
    }

    /// <summary>0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) (Hendrycks and Gimpel 2016, arXiv:1606.08415).</summary>
    private static OnnxValue GeluByTanh(OnnxGraphBuilder graph, OnnxValue x)
    {
        OnnxValue cubed = graph.Multiply(graph.Multiply(x, x), x);
        OnnxValue inner = graph.Multiply(graph.Add(x, graph.Multiply(cubed, graph.Constant(0.044715))), graph.Constant(Math.Sqrt(2 / Math.PI)));
        return graph.Multiply(graph.Multiply(x, graph.Constant(0.5)), graph.Add(graph.Node("Tanh", [inner]), graph.Constant(1)));
    }

    private static OnnxValue Slope(OnnxGraphBuilder graph, PReLU relu, OnnxValue x)
    {
        OnnxValue slope = graph.Parameter(relu.weight);
        return slope.Shape[0] == 1 || x.Rank <= 2 ? slope : graph.Reshape(slope, [slope.Shape[0], .. Enumerable.Repeat(1L, x.Rank - 2)]);
    }

    private static OnnxValue Unfold(OnnxGraphBuilder graph, Unflatten unflatten, OnnxValue x)
    {
        int dim = OnnxShape.Axis(unflatten.dim, x.Rank);
        long known = unflatten.unflattened_size.Where(s => s != -1).Aggregate(1L, (a, b) => a * b);
        return graph.Reshape(x, [.. x.Shape.Take(dim), .. unflatten.unflattened_size.Select(s => s == -1 ? x.Shape[dim] / known : s), .. x.Shape.Skip(dim + 1)]);
    }

    private static void RequireBatch(OnnxValue x, int spatial)
    {
        if (x.Rank < 2 || x.Rank != spatial + 2)
        {
            throw new OnnxExportException($"its input {OnnxShape.Text(x.Shape)} is not [n, channels, ...] with {spatial} dimensions more. Give it a batch.");
        }
    }

    private static OnnxValue Scale(OnnxGraphBuilder graph, Parameter? weight, long channels) => weight is null ? graph.Constant(Ones(channels), channels) : graph.Parameter(weight);

    private static OnnxValue Shift(OnnxGraphBuilder graph, Parameter? bias, long channels) => bias is null ? graph.Constant(new float[channels], channels) : graph.Parameter(bias);

    private static float[] Ones(long count) => [.. Enumerable.Repeat(1f, (int)count)];

    /// <summary>A number for each dimension, where one may stand for all.</summary>
    private static long[] Both(long[] values, int dimensions) => values.Length == 1 ? [.. Enumerable.Repeat(values[0], dimensions)] : values;

    /// <summary>The same padding before and after.</summary>
    private static long[] Twice(long[] padding) => [.. padding, .. padding];
}
