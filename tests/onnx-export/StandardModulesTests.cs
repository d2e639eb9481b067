using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

/// <summary>Each module that the library knows gives in ONNX Runtime what it gives in TorchSharp, and a file that keeps the specification's rules.</summary>
public sealed class StandardModulesTests : IDisposable
{
    private static readonly long[] Image = [2, 8, 9, 11], Sequence = [2, 8, 13], Row = [2, 8], Volume = [2, 2, 4, 5, 6];

    private static readonly Dictionary<string, (Func<nn.Module<Tensor, Tensor>> Create, long[] Shape)> Modules = new()
    {
        ["Conv1d"] = (() => nn.Conv1d(8, 6, 3, stride: 2, padding: 1), Sequence),
        ["Conv2d"] = (() => nn.Conv2d(8, 6, 3), Image),
        ["Conv2d with groups, dilation, strides and padding"] = (() => nn.Conv2d(8, 12, (3, 2), stride: (2, 1), padding: (1, 3), dilation: (2, 1), groups: 4, bias: false), Image),
        ["Conv2d, depthwise"] = (() => nn.Conv2d(8, 8, 3, padding: 1, groups: 8), Image),
        ["Conv2d that keeps the size"] = (() => nn.Conv2d(8, 4, 4, padding: Padding.Same), Image),
        ["Conv2d without padding by name"] = (() => nn.Conv2d(8, 4, 4, padding: Padding.Valid), Image),
        ["Conv2d with reflected padding"] = (() => nn.Conv2d(8, 4, 3, padding: 2, padding_mode: PaddingModes.Reflect), Image),
        ["Conv2d with replicated padding"] = (() => nn.Conv2d(8, 4, 3, padding: 2, padding_mode: PaddingModes.Replicate), Image),
        ["Conv3d"] = (() => nn.Conv3d(2, 3, 2), [2, 2, 4, 5, 6]),
        ["ConvTranspose1d"] = (() => nn.ConvTranspose1d(8, 4, 3, stride: 2), Sequence),
        ["ConvTranspose2d"] = (() => nn.ConvTranspose2d(8, 6, 3, stride: 2, padding: 1, output_padding: 1, groups: 2), Image),
        ["Linear"] = (() => nn.Linear(8, 5), Row),
        ["Linear without a bias"] = (() => nn.Linear(8, 5, hasBias: false), Row),
        ["Linear over tokens"] = (() => nn.Linear(13, 5), Sequence),
        ["BatchNorm1d"] = (() => nn.BatchNorm1d(8), Row),
        ["BatchNorm1d over sequences"] = (() => nn.BatchNorm1d(8), Sequence),
        ["BatchNorm2d"] = (() => nn.BatchNorm2d(8, eps: 1e-3), Image),
        ["BatchNorm2d without scale"] = (() => nn.BatchNorm2d(8, affine: false), Image),
        ["BatchNorm3d"] = (() => nn.BatchNorm3d(2), [2, 2, 4, 5, 6]),
        ["BatchNorm2d after Conv2d"] = (() => nn.Sequential(nn.Conv2d(8, 6, 3), nn.BatchNorm2d(6)), Image),
        ["BatchNorm2d after grouped Conv2d without a bias"] = (() => nn.Sequential(nn.Conv2d(8, 6, 3, groups: 2, bias: false), nn.BatchNorm2d(6)), Image),
        // 16 channels: LibTorch 2.10 computes transposed convolutions of other numbers of channels wrongly on CPUs with AVX-512.
        ["BatchNorm2d after ConvTranspose2d"] = (() => nn.Sequential(nn.ConvTranspose2d(16, 16, 3), nn.BatchNorm2d(16)), [2, 16, 9, 11]),
        ["BatchNorm2d after grouped ConvTranspose2d"] = (() => nn.Sequential(nn.ConvTranspose2d(8, 6, 3, groups: 2), nn.BatchNorm2d(6)), Image),
        ["BatchNorm1d after Linear"] = (() => nn.Sequential(nn.Linear(8, 5), nn.BatchNorm1d(5)), Row),
        ["InstanceNorm2d"] = (() => nn.InstanceNorm2d(8, affine: true), Image),
        ["InstanceNorm2d with statistics"] = (() => nn.InstanceNorm2d(8, track_running_stats: true), Image),
        ["LayerNorm"] = (() => nn.LayerNorm([9, 11]), Image),
        ["LayerNorm without scale"] = (() => nn.LayerNorm(13, elementwise_affine: false), Sequence),
        ["GroupNorm"] = (() => nn.GroupNorm(4, 8), Image),
        ["MaxPool1d"] = (() => nn.MaxPool1d(3, 2, 1), Sequence),
        ["MaxPool2d"] = (() => nn.MaxPool2d(3, 2, 1), Image),
        ["MaxPool2d rounding up"] = (() => nn.MaxPool2d(2, 2, ceil_mode: true), Image),
        ["MaxPool2d rounding up, padded"] = (() => nn.MaxPool2d(3, 2, 1, ceil_mode: true), [2, 8, 8, 10]),
        ["MaxPool2d with dilation"] = (() => nn.MaxPool2d(2, 1, dilation: 3), Image),
        ["AvgPool1d"] = (() => nn.AvgPool1d(3, 2, 1), Sequence),
        ["AvgPool2d"] = (() => nn.AvgPool2d(2), Image),
        ["AvgPool2d, padding counted"] = (() => nn.AvgPool2d(3, 2, 1), Image),
        ["AvgPool2d, padding not counted"] = (() => nn.AvgPool2d(3, 2, 1, count_include_pad: false), Image),
        ["AvgPool2d rounding up, padding counted"] = (() => nn.AvgPool2d(3, 2, 1, ceil_mode: true), [2, 8, 8, 10]),
        ["AvgPool2d rounding up, padding not counted"] = (() => nn.AvgPool2d(3, 2, 1, ceil_mode: true, count_include_pad: false), [2, 8, 8, 10]),
        ["AvgPool2d with a divisor"] = (() => nn.AvgPool2d(3, 2, 1, divisor_override: 5), Image),
        ["AdaptiveAvgPool1d"] = (() => nn.AdaptiveAvgPool1d(5), Sequence),
        ["AdaptiveAvgPool2d to 1"] = (() => nn.AdaptiveAvgPool2d(1), Image),
        ["AdaptiveAvgPool2d to a divisor"] = (() => nn.AdaptiveAvgPool2d((3, 11)), Image),
        ["AdaptiveAvgPool2d to any size"] = (() => nn.AdaptiveAvgPool2d((4, 7)), Image),
        ["AdaptiveAvgPool2d to more"] = (() => nn.AdaptiveAvgPool2d((10, 20)), Image),
        ["AdaptiveMaxPool1d"] = (() => nn.AdaptiveMaxPool1d(5), Sequence),
        ["AdaptiveMaxPool2d"] = (() => nn.AdaptiveMaxPool2d([4, 11]), Image),
        ["ReLU"] = (() => nn.ReLU(), Image),
        ["ReLU6"] = (() => nn.ReLU6(), Image),
        ["SiLU"] = (() => nn.SiLU(), Image),
        ["GELU"] = (() => nn.GELU(), Image),
        ["GELU by tanh"] = (() => nn.GELU(GELU.Approximate.tanh), Image),
        ["Hardswish"] = (() => nn.Hardswish(), Image),
        ["Hardsigmoid"] = (() => nn.Hardsigmoid(), Image),
        ["Sigmoid"] = (() => nn.Sigmoid(), Image),
        ["LogSigmoid"] = (() => nn.LogSigmoid(), Image),
        ["Tanh"] = (() => nn.Tanh(), Image),
        ["LeakyReLU"] = (() => nn.LeakyReLU(0.2), Image),
        ["PReLU"] = (() => nn.PReLU(1, 0.3), Image),
        ["PReLU with a slope a channel"] = (() => nn.PReLU(8, 0.3), Image),
        ["ELU"] = (() => nn.ELU(1.3), Image),
        ["SELU"] = (() => nn.SELU(), Image),
        ["Mish"] = (() => nn.Mish(), Image),
        ["Softplus"] = (() => nn.Softplus(), Image),
        ["Softsign"] = (() => nn.Softsign(), Image),
        ["Softmax"] = (() => nn.Softmax(1), Image),
        ["LogSoftmax"] = (() => nn.LogSoftmax(-1), Image),
        ["Dropout"] = (() => nn.Dropout(), Image),
        ["Dropout2d"] = (() => nn.Dropout2d(), Image),
        ["AlphaDropout"] = (() => nn.AlphaDropout(), Image),
        ["Identity"] = (() => nn.Identity(), Image),
        ["Flatten"] = (() => nn.Flatten(), Image),
        ["Flatten of the last two"] = (() => nn.Flatten(2), Image),
        ["Unflatten"] = (() => nn.Unflatten(1, [2, 4]), Image),
        ["Sequential"] = (() => nn.Sequential(nn.Conv2d(8, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(252, 3)), Image),
        ["ConvTranspose3d"] = (() => nn.ConvTranspose3d(2, 3, 2, stride: 2), [2, 2, 4, 5, 6]),
        ["InstanceNorm1d"] = (() => nn.InstanceNorm1d(8), Sequence),
        ["InstanceNorm3d"] = (() => nn.InstanceNorm3d(2, affine: true), Volume),
        ["MaxPool3d"] = (() => nn.MaxPool3d(2, 1, 1), Volume),
        ["MaxPool3d rounding up"] = (() => nn.MaxPool3d(2, ceil_mode: true), Volume),
        ["AvgPool3d"] = (() => nn.AvgPool3d([2, 3, 2], [1, 2, 2], [0, 1, 1]), Volume),
        ["AdaptiveAvgPool3d to 1"] = (() => nn.AdaptiveAvgPool3d([1, 1, 1]), Volume),
        ["AdaptiveAvgPool3d to any size"] = (() => nn.AdaptiveAvgPool3d([3, 2, 4]), Volume),
        ["Dropout1d"] = (() => nn.Dropout1d(), Sequence),
        ["Dropout3d"] = (() => nn.Dropout3d(), Volume),
        ["FeatureAlphaDropout"] = (() => nn.FeatureAlphaDropout(), Image),
        ["Upsample"] = (() => nn.Upsample(scale_factor: [2, 2]), Image),
        ["Upsample to a size"] = (() => nn.Upsample(size: [13, 30]), Image),
        ["Upsample by 1.5"] = (() => nn.Upsample(scale_factor: [1.5, 2.5]), Image),
        ["Upsample, bilinear"] = (() => nn.Upsample(scale_factor: [2, 2], mode: UpsampleMode.Bilinear), Image),
        ["Upsample, bilinear, to a smaller size"] = (() => nn.Upsample(size: [5, 20], mode: UpsampleMode.Bilinear), Image),
        ["Upsample, bilinear, corners aligned"] = (() => nn.Upsample(scale_factor: [2, 3], mode: UpsampleMode.Bilinear, align_corners: true), Image),
        ["Upsample, bicubic"] = (() => nn.Upsample(scale_factor: [2, 2], mode: UpsampleMode.Bicubic), Image),
        ["Upsample of sequences, linear"] = (() => nn.Upsample(scale_factor: [2], mode: UpsampleMode.Linear), Sequence),
        ["Upsample of volumes, trilinear"] = (() => nn.Upsample(size: [8, 9, 7], mode: UpsampleMode.Trilinear), Volume),
        ["PixelShuffle"] = (() => nn.PixelShuffle(2), Image),
        ["PixelUnshuffle"] = (() => nn.PixelUnshuffle(3), [2, 2, 9, 12]),
        ["ZeroPad2d"] = (() => nn.ZeroPad2d((1, 2, 3, 0)), Image),
        ["ConstantPad1d"] = (() => nn.ConstantPad1d((1, 2), 0.7), Sequence),
        ["ConstantPad2d"] = (() => nn.ConstantPad2d((1, 2, 3, 0), -1.5), Image),
        ["ConstantPad3d"] = (() => nn.ConstantPad3d(1, 0.3), Volume),
        ["ReflectionPad1d"] = (() => nn.ReflectionPad1d((3, 1)), Sequence),
        ["ReflectionPad2d"] = (() => nn.ReflectionPad2d((1, 2, 3, 0)), Image),
        ["ReflectionPad3d"] = (() => nn.ReflectionPad3d(1), Volume),
        ["ReplicationPad1d"] = (() => nn.ReplicationPad1d((3, 1)), Sequence),
        ["ReplicationPad2d"] = (() => nn.ReplicationPad2d((1, 2, 3, 0)), Image),
        ["ReplicationPad3d"] = (() => nn.ReplicationPad3d(2), Volume),
        ["Embedding"] = (() => new Tokens(nn.Embedding(11, 6)), Sequence),
        ["LSTM"] = (() => new Recurrent(nn.LSTM(13, 5), null, batchFirst: false), Sequence),
        ["LSTM of two layers in both directions, the batch first"] = (() => new Recurrent(nn.LSTM(13, 5, numLayers: 2, bidirectional: true, batchFirst: true), null, batchFirst: true), Sequence),
        ["LSTM without biases"] = (() => new Recurrent(nn.LSTM(13, 5, bias: false, batchFirst: true), null, batchFirst: true), Sequence),
        ["GRU"] = (() => new Recurrent(null, nn.GRU(13, 5), batchFirst: false), Sequence),
        ["GRU of two layers in both directions, the batch first"] = (() => new Recurrent(null, nn.GRU(13, 5, numLayers: 2, bidirectional: true, batchFirst: true), batchFirst: true), Sequence),
        ["ModuleList"] = (() => new Listed(), Row),
        ["MultiheadAttention"] = (() => new Attention(self: true), [2, 5, 12]),
        ["MultiheadAttention over another sequence"] = (() => new Attention(self: false), [2, 5, 12]),
    };

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Names => [.. Modules.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_module_gives_the_same_in_onnx_runtime_from_float32_and_float16(string name)
    {
        manual_seed(1);
        (Func<nn.Module<Tensor, Tensor>> create, long[] shape) = Modules[name];
        using nn.Module<Tensor, Tensor> module = RandomWeights.Ready(create());
        using Tensor example = randn(shape);
        foreach (OnnxPrecision precision in new[] { OnnxPrecision.Float32, OnnxPrecision.Float16 })
        {
            OnnxExportOptions options = new() { Precision = precision };
            OnnxExporter.Export(module, example, folder["module.onnx"], options);
            Assert.Empty(OnnxChecker.Check(folder["module.onnx"]));
            OnnxExporter.Verify(module, example, folder["module.onnx"], options);
        }
    }

    [Fact]
    public void Padding_in_a_circle_is_exported_where_the_operator_set_has_it()
    {
        using nn.Module<Tensor, Tensor> module = RandomWeights.Ready(nn.Conv2d(8, 4, 3, padding: 2, padding_mode: PaddingModes.Circular));
        using Tensor example = randn(Image);
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(module, example, folder["module.onnx"]));
        Assert.Contains("Opset = 19", refused.Message, StringComparison.Ordinal);
        OnnxExportOptions options = new() { Opset = 19 };
        OnnxExporter.Export(module, example, folder["module.onnx"], options);
        OnnxExporter.Verify(module, example, folder["module.onnx"], options);
    }

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_module_that_the_library_names_is_tried_here() =>
        Assert.All(StandardModules.Names.Concat(StandardModules.WithMethods), name => Assert.Contains(Modules.Keys, k => k == name || k.StartsWith(name + " ", StringComparison.Ordinal) || k.StartsWith(name + ",", StringComparison.Ordinal)));

    /// <summary>Tokens made of numbers, so that the example may be float32.</summary>
    private sealed class Tokens : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly Embedding embedding;

        public Tokens(Embedding embedding)
            : base(nameof(Tokens))
        {
            this.embedding = embedding;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => embedding.call(input.sigmoid().mul(tensor(10f)).to(ScalarType.Int64));

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) =>
            graph.Call(embedding, graph.Node("Cast", [graph.Multiply(graph.Sigmoid(input), graph.Constant(10))], ("to", (long)OnnxElementType.Int64)));
    }

    /// <summary>Everything that a recurrent layer returns, in one tensor.</summary>
    private sealed class Recurrent : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly LSTM? lstm;
        private readonly GRU? gru;
        private readonly bool _batchFirst;

        public Recurrent(LSTM? lstm, GRU? gru, bool batchFirst)
            : base(nameof(Recurrent))
        {
            this.lstm = lstm;
            this.gru = gru;
            _batchFirst = batchFirst;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            Tensor x = _batchFirst ? input : input.transpose(0, 1);
            Tensor output, hidden;
            Tensor? cell = null;
            if (lstm is not null)
            {
                (output, hidden, cell) = lstm.call(x);
            }
            else
            {
                (output, hidden) = gru!.call(x);
            }

            output = _batchFirst ? output : output.transpose(0, 1);
            Tensor states = cat([hidden, .. cell is null ? Array.Empty<Tensor>() : [cell]], 0).transpose(0, 1).flatten(1);
            return cat([output.flatten(1), states], 1);
        }

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
        {
            OnnxValue x = _batchFirst ? input : graph.Transpose(input, 0, 1), output, hidden;
            OnnxValue? cell = null;
            if (lstm is not null)
            {
                (output, hidden, cell) = graph.Lstm(lstm, x, _batchFirst);
            }
            else
            {
                (output, hidden) = graph.Gru(gru!, x, _batchFirst);
            }

            output = _batchFirst ? output : graph.Transpose(output, 0, 1);
            OnnxValue states = graph.Flatten(graph.Transpose(graph.Concat([hidden, .. cell is null ? Array.Empty<OnnxValue>() : [cell]], 0), 0, 1), 1);
            return graph.Concat([graph.Flatten(output, 1), states], 1);
        }
    }

    /// <summary>A module with a forward of its own over a list.</summary>
    private sealed class Listed : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly ModuleList<nn.Module<Tensor, Tensor>> layers = nn.ModuleList<nn.Module<Tensor, Tensor>>(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8));

        public Listed()
            : base(nameof(Listed)) => RegisterComponents();

        public override Tensor forward(Tensor input) => layers.Aggregate(input, (x, layer) => layer.call(x) + x);

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => layers.Aggregate(input, (x, layer) => graph.Add(graph.Call(layer, x), x));
    }

    private sealed class Attention : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly MultiheadAttention attention = nn.MultiheadAttention(12, 3);
        private readonly bool _self;

        public Attention(bool self)
            : base(nameof(Attention))
        {
            _self = self;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            Tensor tokens = input.transpose(0, 1), other = _self ? tokens : tokens.flip(0).slice(0, 0, 3, 1);
            return attention.call(tokens, other, other, null, false, null).Item1;
        }

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
        {
            OnnxValue tokens = graph.Transpose(input, 0, 1), other = _self ? tokens : graph.Slice(graph.Flip(tokens, 0), 0, 0, 3);
            return graph.MultiheadAttention(attention, tokens, other, other, heads: 3);
        }
    }
}
