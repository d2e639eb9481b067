using Lentigo.OnnxExport;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// The residual network of 18 layers (He et al. 2016, arXiv:1512.03385, table 1). Parameter names, counts and initialization are those
/// of torchvision's <c>resnet18</c>.
/// </summary>
internal sealed class ResNet : nn.Module<Tensor, Tensor>, IOnnxStagedNetwork
{
    private readonly Conv2d conv1;
    private readonly BatchNorm2d bn1;
    private readonly Sequential layer1;
    private readonly Sequential layer2;
    private readonly Sequential layer3;
    private readonly Sequential layer4;
    private readonly Linear fc;

    /// <summary>A ResNet-18: 11,689,512 parameters with 1000 classes, 11,180,103 with 7.</summary>
    /// <param name="classes">The number of logits.</param>
    public ResNet(int classes)
        : base(nameof(ResNet))
    {
        conv1 = nn.Conv2d(3, 64, 7, stride: 2, padding: 3, bias: false);
        bn1 = nn.BatchNorm2d(64);
        layer1 = Layer(64, 64, stride: 1);
        layer2 = Layer(64, 128, stride: 2);
        layer3 = Layer(128, 256, stride: 2);
        layer4 = Layer(256, 512, stride: 2);
        fc = nn.Linear(512, classes);
        RegisterComponents();
        foreach (nn.Module module in modules())
        {
            if (module is Conv2d conv)
            {
                nn.init.kaiming_normal_(conv.weight, mode: nn.init.FanInOut.FanOut, nonlinearity: nn.init.NonlinearityType.ReLU);
            }
        }
    }

    /// <summary>Logits [n, classes] of normalized images [n, 3, h, w].</summary>
    public override Tensor forward(Tensor input)
    {
        // Every intermediate result is let go as soon as autograd alone needs it: memory is then reused as in eager PyTorch.
        using Tensor a = conv1.call(input);
        using Tensor b = bn1.call(a);
        b.relu_();
        using Tensor x0 = nn.functional.max_pool2d(b, 3, 2, 1);
        using Tensor x1 = layer1.call(x0);
        using Tensor x2 = layer2.call(x1);
        using Tensor x3 = layer3.call(x2);
        using Tensor plain = DefaultMemoryFormat.From(x3);
        using Tensor x4 = layer4.call(plain);
        using Tensor pooled = x4.mean([2, 3], type: ScalarType.Float32); // convolutions may compute in another type
        return fc.call(pooled);
    }

    /// <inheritdoc/>
    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => ExportStages(graph, input).Logits;

    /// <inheritdoc/>
    public OnnxStages ExportStages(OnnxGraphBuilder graph, OnnxValue input)
    {
        OnnxValue x = graph.Relu(graph.Call(bn1, graph.Call(conv1, input)));
        x = graph.MaxPool2d(x, 3, 2, 1);
        List<OnnxValue> maps = [];
        foreach (Sequential layer in new[] { layer1, layer2, layer3, layer4 })
        {
            x = graph.Call(layer, x);
            maps.Add(x);
        }

        OnnxValue pooled = graph.Mean(x, [2, 3]);
        return new(maps, pooled, graph.Call(fc, pooled));
    }

    /// <inheritdoc/>
    public TorchStages ForwardStages(Tensor input)
    {
        using Tensor a = conv1.call(input);
        using Tensor b = bn1.call(a).relu();
        using Tensor x0 = nn.functional.max_pool2d(b, 3, 2, 1);
        Tensor x1 = layer1.call(x0), x2 = layer2.call(x1), x3 = layer3.call(x2);
        using Tensor plain = DefaultMemoryFormat.From(x3);
        Tensor x4 = layer4.call(plain), pooled = x4.mean([2, 3], type: ScalarType.Float32);
        return new([x1, x2, x3, x4], pooled, fc.call(pooled));
    }

    private static Sequential Layer(int channels, int output, int stride) =>
        nn.Sequential(new BasicBlock(channels, output, stride), new BasicBlock(output, output, stride: 1));
}

/// <summary>Two 3 x 3 convolutions beside the identity, or beside a projection where the shape changes: torchvision's <c>BasicBlock</c>.</summary>
internal sealed class BasicBlock : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly Conv2d conv1;
    private readonly BatchNorm2d bn1;
    private readonly Conv2d conv2;
    private readonly BatchNorm2d bn2;
    private readonly Sequential? downsample;

    public BasicBlock(int channels, int output, int stride)
        : base(nameof(BasicBlock))
    {
        conv1 = nn.Conv2d(channels, output, 3, stride: stride, padding: 1, bias: false);
        bn1 = nn.BatchNorm2d(output);
        conv2 = nn.Conv2d(output, output, 3, padding: 1, bias: false);
        bn2 = nn.BatchNorm2d(output);
        if (stride != 1 || channels != output)
        {
            downsample = nn.Sequential(nn.Conv2d(channels, output, 1, stride: stride, bias: false), nn.BatchNorm2d(output));
        }

        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using Tensor a = conv1.call(input);
        using Tensor b = bn1.call(a);
        b.relu_();
        using Tensor c = conv2.call(b);
        Tensor d = bn2.call(c);
        if (downsample is null)
        {
            d.add_(input);
        }
        else
        {
            using Tensor projected = downsample.call(input);
            d.add_(projected);
        }

        return d.relu_(); // in place: TorchSharp returns d itself
    }

    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
    {
        OnnxValue x = graph.Relu(graph.Call(bn1, graph.Call(conv1, input)));
        x = graph.Call(bn2, graph.Call(conv2, x));
        return graph.Relu(graph.Add(x, downsample is null ? input : graph.Call(downsample, input)));
    }
}
