using Lentigo.OnnxExport;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// EfficientNet (Tan and Le 2019, arXiv:1905.11946): a network of inverted bottlenecks with squeeze-and-excitation, scaled in width, depth and
/// resolution together. Parameter names, counts and initialization are torchvision's <c>efficientnet_b0</c> and <c>efficientnet_b4</c>.
/// </summary>
internal sealed class EfficientNet : nn.Module<Tensor, Tensor>, IOnnxStagedNetwork
{
    /// <summary>The paper's Table 1, stages 2 to 8: expansion, kernel, stride, input and output channels, layers of B0.</summary>
    private static readonly (int Expansion, int Kernel, int Stride, int In, int Out, int Layers)[] Stages =
    [
        (1, 3, 1, 32, 16, 1),
        (6, 3, 2, 16, 24, 2),
        (6, 5, 2, 24, 40, 2),
        (6, 3, 2, 40, 80, 3),
        (6, 5, 1, 80, 112, 3),
        (6, 5, 2, 112, 192, 4),
        (6, 3, 1, 192, 320, 1),
    ];

    /// <summary>The layers after which strides 4, 8, 16 and 32 end, and the last convolution.</summary>
    private static readonly int[] StageEnds = [2, 3, 5, 7, 8];

    private readonly Sequential features;
    private readonly AdaptiveAvgPool2d avgpool;
    private readonly Sequential classifier;

    /// <summary>EfficientNet-B0: 5,288,548 parameters with 1000 classes.</summary>
    public static EfficientNet B0(int classes) => new(classes, width: 1.0, depth: 1.0, dropout: 0.2);

    /// <summary>EfficientNet-B4: 19,341,616 parameters with 1000 classes.</summary>
    public static EfficientNet B4(int classes) => new(classes, width: 1.4, depth: 1.8, dropout: 0.4);

    /// <summary>A network of another scale.</summary>
    /// <param name="classes">The number of logits.</param>
    /// <param name="width">The multiplier of B0's channels, rounded to multiples of 8.</param>
    /// <param name="depth">The multiplier of B0's layers, rounded up.</param>
    /// <param name="dropout">The dropout before the last layer.</param>
    /// <param name="stochasticDepth">The probability with which the last block's branch is dropped; blocks before it have their linear share.</param>
    public EfficientNet(int classes, double width, double depth, double dropout, double stochasticDepth = 0.2)
        : base(nameof(EfficientNet))
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        List<nn.Module<Tensor, Tensor>> layers = [ConvNorm(3, Channels(Stages[0].In, width), kernel: 3, stride: 2)];
        int blocks = Stages.Sum(s => Layers(s.Layers, depth)), block = 0;
        foreach (var (expansion, kernel, stride, @in, @out, count) in Stages)
        {
            List<nn.Module<Tensor, Tensor>> stage = [];
            for (int i = 0; i < Layers(count, depth); i++)
            {
                stage.Add(new InvertedBottleneck(
                    Channels(i == 0 ? @in : @out, width), Channels(@out, width), expansion, kernel, i == 0 ? stride : 1, stochasticDepth * block++ / blocks));
            }

            layers.Add(nn.Sequential(stage));
        }

        int last = Channels(Stages[^1].Out, width);
        layers.Add(ConvNorm(last, 4 * last, kernel: 1));
        features = nn.Sequential(layers);
        avgpool = nn.AdaptiveAvgPool2d(1);
        classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * last, classes));
        RegisterComponents();
        Initialize();
    }

    /// <summary>Logits [n, classes] of normalized images [n, 3, h, w].</summary>
    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        return classifier.call(avgpool.call(features.call(input)).flatten(1).to(ScalarType.Float32)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => ExportStages(graph, input).Logits;

    /// <inheritdoc/>
    public OnnxStages ExportStages(OnnxGraphBuilder graph, OnnxValue input)
    {
        List<OnnxValue> maps = LayerStages.Run(features, StageEnds, input, graph.Call);
        OnnxValue pooled = graph.Flatten(graph.Call(avgpool, maps[^1]), 1);
        return new(maps, pooled, graph.Call(classifier, pooled));
    }

    /// <inheritdoc/>
    public TorchStages ForwardStages(Tensor input)
    {
        List<Tensor> maps = LayerStages.Run(features, StageEnds, input, (layer, x) => ((nn.Module<Tensor, Tensor>)layer).call(x));
        using Tensor means = avgpool.call(maps[^1]);
        Tensor pooled = means.flatten(1).to(ScalarType.Float32);
        return new(maps, pooled, classifier.call(pooled));
    }

    /// <summary>A convolution, its batch normalization and, unless told otherwise, SiLU: torchvision's <c>Conv2dNormActivation</c>.</summary>
    internal static Sequential ConvNorm(int channels, int output, int kernel, int stride = 1, int groups = 1, bool activation = true)
    {
        Conv2d conv = nn.Conv2d(channels, output, kernel, stride: stride, padding: (kernel - 1) / 2, groups: groups, bias: false);
        BatchNorm2d norm = nn.BatchNorm2d(output);
        return activation ? nn.Sequential(conv, norm, nn.SiLU()) : nn.Sequential(conv, norm);
    }

    private void Initialize()
    {
        using IDisposable noGradient = no_grad();
        foreach (nn.Module module in modules())
        {
            switch (module)
            {
                case Conv2d conv:
                    nn.init.kaiming_normal_(conv.weight, mode: nn.init.FanInOut.FanOut);
                    if (conv.bias is not null)
                    {
                        nn.init.zeros_(conv.bias);
                    }

                    break;
                case Linear linear:
                    double range = 1 / Math.Sqrt(linear.weight.shape[0]);
                    nn.init.uniform_(linear.weight, -range, range);
                    nn.init.zeros_(linear.bias!);
                    break;
            }
        }
    }

    /// <summary>Channels of a scaled layer: a multiple of 8, never more than a tenth below the exact number.</summary>
    private static int Channels(int channels, double width)
    {
        double exact = channels * width;
        int rounded = Math.Max(8, (int)(exact + 4) / 8 * 8);
        return rounded < 0.9 * exact ? rounded + 8 : rounded;
    }

    private static int Layers(int layers, double depth) => (int)Math.Ceiling(layers * depth);
}

/// <summary>
/// An inverted bottleneck (Sandler et al. 2018, arXiv:1801.04381) with squeeze-and-excitation: torchvision's <c>MBConv</c>. Expands the channels,
/// filters each of them, weighs them, projects them back; the input is added where the shapes agree.
/// </summary>
internal sealed class InvertedBottleneck : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly Sequential block;
    private readonly StochasticDepth stochastic_depth;
    private readonly bool _residual;
    private readonly bool _wide;

    public InvertedBottleneck(int channels, int output, int expansion, int kernel, int stride, double dropProbability)
        : base(nameof(InvertedBottleneck))
    {
        int expanded = channels * expansion;
        List<nn.Module<Tensor, Tensor>> layers = [];
        if (expanded != channels)
        {
            layers.Add(EfficientNet.ConvNorm(channels, expanded, kernel: 1));
        }

        layers.Add(EfficientNet.ConvNorm(expanded, expanded, kernel, stride, groups: expanded));
        layers.Add(new SqueezeExcitation(expanded, channels / 4));
        layers.Add(EfficientNet.ConvNorm(expanded, output, kernel: 1, activation: false));
        block = nn.Sequential(layers);
        stochastic_depth = new(dropProbability);
        _residual = stride == 1 && channels == output;
        _wide = output >= DefaultMemoryFormat.WideEfficientBlock;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using Tensor plain = _wide ? DefaultMemoryFormat.From(input) : input.alias();
        if (!_residual)
        {
            return block.call(plain);
        }

        using Tensor branch = block.call(plain);
        using Tensor kept = stochastic_depth.call(branch);
        return kept + plain;
    }

    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
    {
        OnnxValue branch = graph.Call(block, input);
        return _residual ? graph.Add(graph.Call(stochastic_depth, branch), input) : branch;
    }
}

/// <summary>
/// Squeeze-and-excitation (Hu et al. 2018, arXiv:1709.01507): weighs each channel by a small network of all channels' means. torchvision's names.
/// </summary>
internal sealed class SqueezeExcitation : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly AdaptiveAvgPool2d avgpool = nn.AdaptiveAvgPool2d(1);
    private readonly Conv2d fc1;
    private readonly Conv2d fc2;
    private readonly SiLU activation = nn.SiLU();
    private readonly Sigmoid scale_activation = nn.Sigmoid();

    public SqueezeExcitation(int channels, int squeezed)
        : base(nameof(SqueezeExcitation))
    {
        fc1 = nn.Conv2d(channels, squeezed, 1);
        fc2 = nn.Conv2d(squeezed, channels, 1);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scale = scale_activation.call(fc2.call(activation.call(fc1.call(avgpool.call(input)))));
        return (scale * input).MoveToOuterDisposeScope();
    }

    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
    {
        OnnxValue squeezed = graph.Call(activation, graph.Call(fc1, graph.Call(avgpool, input)));
        return graph.Multiply(graph.Call(scale_activation, graph.Call(fc2, squeezed)), input);
    }
}
