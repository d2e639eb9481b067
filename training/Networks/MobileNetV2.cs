using Lentigo.OnnxExport;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// MobileNetV2 of width 1 (Sandler et al. 2018, arXiv:1801.04381, table 2). Parameter names, counts and initialization are those of
/// torchvision's <c>mobilenet_v2</c>.
/// </summary>
internal sealed class MobileNetV2 : nn.Module<Tensor, Tensor>, IOnnxStagedNetwork
{
    /// <summary>The paper's table 2: expansion t, output channels c, repeats n, stride s of the first.</summary>
    private static readonly (int Expansion, int Channels, int Repeats, int Stride)[] Stages =
    [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ];

    /// <summary>The layers after which a stage ends: the last ones of strides 4, 8, 16 and 32, and the last convolution.</summary>
    private static readonly int[] StageEnds = [3, 6, 13, 17, 18];

    private readonly Sequential features;
    private readonly Sequential classifier;

    /// <summary>A MobileNetV2: 3,504,872 parameters with 1000 classes, 2,232,839 with 7.</summary>
    /// <param name="classes">The number of logits.</param>
    public MobileNetV2(int classes)
        : base(nameof(MobileNetV2))
    {
        List<nn.Module<Tensor, Tensor>> layers = [ConvNorm(3, 32, kernel: 3, stride: 2)];
        int channels = 32;
        foreach ((int expansion, int output, int repeats, int stride) in Stages)
        {
            for (int i = 0; i < repeats; i++)
            {
                layers.Add(new InvertedResidual(channels, output, expansion, i == 0 ? stride : 1));
                channels = output;
            }
        }

        layers.Add(ConvNorm(channels, 1280, kernel: 1));
        features = nn.Sequential(layers);
        classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, classes));
        RegisterComponents();
        foreach (nn.Module module in modules())
        {
            switch (module)
            {
                case Conv2d conv:
                    nn.init.kaiming_normal_(conv.weight, mode: nn.init.FanInOut.FanOut);
                    break;
                case Linear linear:
                    nn.init.normal_(linear.weight, 0, 0.01);
                    nn.init.zeros_(linear.bias!);
                    break;
            }
        }
    }

    /// <summary>Logits [n, classes] of normalized images [n, 3, h, w].</summary>
    public override Tensor forward(Tensor input)
    {
        using Tensor x = features.call(input);
        using Tensor pooled = x.mean([2, 3], type: ScalarType.Float32); // convolutions may compute in another type
        return classifier.call(pooled);
    }

    /// <inheritdoc/>
    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => ExportStages(graph, input).Logits;

    /// <inheritdoc/>
    public OnnxStages ExportStages(OnnxGraphBuilder graph, OnnxValue input)
    {
        List<OnnxValue> maps = LayerStages.Run(features, StageEnds, input, graph.Call);
        OnnxValue pooled = graph.Mean(maps[^1], [2, 3]);
        return new(maps, pooled, graph.Call(classifier, pooled));
    }

    /// <inheritdoc/>
    public TorchStages ForwardStages(Tensor input)
    {
        List<Tensor> maps = LayerStages.Run(features, StageEnds, input, (layer, x) => ((nn.Module<Tensor, Tensor>)layer).call(x));
        Tensor pooled = maps[^1].mean([2, 3], type: ScalarType.Float32);
        return new(maps, pooled, classifier.call(pooled));
    }

    /// <summary>A convolution, its batch normalization and ReLU6: torchvision's <c>Conv2dNormActivation</c>.</summary>
    internal static Sequential ConvNorm(int channels, int output, int kernel, int stride = 1, int groups = 1) => nn.Sequential(
        nn.Conv2d(channels, output, kernel, stride: stride, padding: (kernel - 1) / 2, groups: groups, bias: false),
        nn.BatchNorm2d(output),
        nn.ReLU6(inplace: true));
}

/// <summary>
/// Expands the channels, filters each of them, projects them back without an activation; the input is added where the shapes agree:
/// torchvision's <c>InvertedResidual</c>.
/// </summary>
internal sealed class InvertedResidual : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly Sequential conv;
    private readonly bool _residual;
    private readonly bool _wide;

    public InvertedResidual(int channels, int output, int expansion, int stride)
        : base(nameof(InvertedResidual))
    {
        int expanded = channels * expansion;
        List<nn.Module<Tensor, Tensor>> layers = [];
        if (expansion != 1)
        {
            layers.Add(MobileNetV2.ConvNorm(channels, expanded, kernel: 1));
        }

        layers.Add(MobileNetV2.ConvNorm(expanded, expanded, kernel: 3, stride, groups: expanded));
        layers.Add(nn.Conv2d(expanded, output, 1, bias: false));
        layers.Add(nn.BatchNorm2d(output));
        conv = nn.Sequential(layers);
        _residual = stride == 1 && channels == output;
        _wide = channels >= DefaultMemoryFormat.WideBlock;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using Tensor plain = _wide ? DefaultMemoryFormat.From(input) : input.alias();
        Tensor output = conv.call(plain);
        return _residual ? output.add_(plain) : output; // in place: TorchSharp returns output itself
    }

    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
    {
        OnnxValue output = graph.Call(conv, input);
        return _residual ? graph.Add(output, input) : output;
    }
}
