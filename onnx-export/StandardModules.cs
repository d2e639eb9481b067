using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>TorchSharp's own modules in ONNX's operators.</summary>
internal static class StandardModules
{
    /// <summary>Writes the module; null if it is none of these.</summary>
    public static OnnxValue? Export(OnnxGraphBuilder graph, nn.Module module, OnnxValue x) => module switch
    {
        Sequential sequence => sequence.children().Aggregate(x, (value, child) => graph.Call(child, value)),
        Convolution convolution => Convolve(graph, convolution, x),
        Linear linear => graph.Linear(x, linear.weight, linear.bias),
        BatchNorm norm => BatchNormalize(graph, norm, x),
        LayerNorm norm => LayerNormalize(graph, norm, x),
        MaxPool2d pool => graph.Node("MaxPool", [x], ("kernel_shape", pool.kernel_size), ("strides", pool.stride ?? pool.kernel_size), ("pads", Twice(pool.padding ?? [0, 0])), ("dilations", pool.dilation ?? [1, 1])),
        AdaptiveAvgPool2d { output_size: [1, 1] } => graph.Node("GlobalAveragePool", [x]),
        ReLU => graph.Relu(x),
        ReLU6 => graph.Clip(x, 0, 6),
        SiLU => graph.Silu(x),
        GELU => graph.Gelu(x),
        Sigmoid => graph.Sigmoid(x),
        Softmax softmax => graph.Softmax(x, softmax.dim),
        Flatten flatten => graph.Flatten(x, (int)flatten.start_dim, (int)flatten.end_dim),
        // In evaluation these return what they are given.
        Dropout or Dropout1d or Dropout2d or Dropout3d or AlphaDropout or FeatureAlphaDropout or Identity => x,
        _ => null,
    };

    private static OnnxValue Convolve(OnnxGraphBuilder graph, Convolution convolution, OnnxValue x)
    {
        int spatial = convolution.kernel_size.Length;
        if (x.Rank != spatial + 2)
        {
            throw new OnnxExportException($"its input {OnnxShape.Text(x.Shape)} has no batch dimension. Give it [n, channels, ...].");
        }

        if (convolution.transposed || convolution.padding_mode != PaddingModes.Zeros || convolution.padding_type is not null)
        {
            throw new OnnxExportException("transposed, with another padding than zeros.");
        }

        return graph.Node(
            "Conv",
            [x, graph.Parameter(convolution.weight), .. convolution.bias is null ? Array.Empty<OnnxValue>() : [graph.Parameter(convolution.bias)]],
            ("kernel_shape", convolution.kernel_size),
            ("strides", convolution.stride),
            ("pads", Twice(convolution.padding!)),
            ("dilations", convolution.dilation),
            ("group", convolution.groups));
    }

    private static OnnxValue BatchNormalize(OnnxGraphBuilder graph, BatchNorm norm, OnnxValue x)
    {
        if (!norm.track_running_stats)
        {
            throw new OnnxExportException("it normalizes by the statistics of its batch even in evaluation (track_running_stats: false), so that an image's answer depends on its neighbours. Train it with track_running_stats: true.");
        }

        long channels = norm.num_features;
        return graph.Node(
            "BatchNormalization",
            [
                x,
                norm.affine ? graph.Parameter(norm.weight!) : graph.Constant(Enumerable.Repeat(1f, (int)channels).ToArray(), channels),
                norm.affine ? graph.Parameter(norm.bias!) : graph.Constant(new float[channels], channels),
                graph.Parameter(norm.running_mean!),
                graph.Parameter(norm.running_var!),
            ],
            ("epsilon", (float)norm.eps));
    }

    private static OnnxValue LayerNormalize(OnnxGraphBuilder graph, LayerNorm norm, OnnxValue x)
    {
        long[] shape = norm.normalized_shape;
        OnnxValue scale = norm.weight is not null
            ? graph.Parameter(norm.weight)
            : graph.Constant(Enumerable.Repeat(1f, (int)shape.Aggregate(1L, (a, b) => a * b)).ToArray(), shape);
        return graph.Node("LayerNormalization", [x, scale, .. norm.bias is null ? Array.Empty<OnnxValue>() : [graph.Parameter(norm.bias)]], ("axis", -(long)shape.Length), ("epsilon", (float)norm.eps));
    }

    /// <summary>The same padding before and after.</summary>
    private static long[] Twice(long[] padding) => [.. padding, .. padding];
}
