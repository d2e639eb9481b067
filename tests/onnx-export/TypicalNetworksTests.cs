using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

/// <summary>Networks that people export: a U-Net, a tagger of texts and a small GPT, in each precision against TorchSharp, and in ONNX Runtime's build for browsers.</summary>
public sealed class TypicalNetworksTests : IDisposable
{
    private const int Tokens = 12, Vocabulary = 50;

    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData(OnnxPrecision.Float32)]
    [InlineData(OnnxPrecision.Float16)]
    [InlineData(OnnxPrecision.Int8)]
    public async Task A_UNet_with_Upsample(OnnxPrecision precision)
    {
        manual_seed(1);
        using UNet network = RandomWeights.Ready(new UNet());
        using Tensor images = randn(2, 3, 32, 32), calibration = randn(32, 3, 32, 32);
        await TryAsync(network, images, calibration, precision, "float32");
    }

    [Theory]
    [InlineData(OnnxPrecision.Float32)]
    [InlineData(OnnxPrecision.Float16)]
    [InlineData(OnnxPrecision.Int8)]
    public async Task A_tagger_of_texts_with_an_LSTM(OnnxPrecision precision)
    {
        manual_seed(2);
        using Tagger network = RandomWeights.Ready(new Tagger());
        using Tensor texts = randint(0, Vocabulary, [2, Tokens], dtype: ScalarType.Int64), calibration = randint(0, Vocabulary, [32, Tokens], dtype: ScalarType.Int64);
        await TryAsync(network, texts, calibration, precision, "int64");
    }

    [Theory]
    [InlineData(OnnxPrecision.Float32)]
    [InlineData(OnnxPrecision.Float16)]
    [InlineData(OnnxPrecision.Int8)]
    public async Task A_small_GPT(OnnxPrecision precision)
    {
        manual_seed(3);
        using Gpt network = RandomWeights.Ready(new Gpt());
        using Tensor texts = randint(0, Vocabulary, [2, Tokens], dtype: ScalarType.Int64), calibration = randint(0, Vocabulary, [32, Tokens], dtype: ScalarType.Int64);
        await TryAsync(network, texts, calibration, precision, "int64");
    }

    [Fact]
    public void A_converter_may_write_an_operator_that_the_library_has_no_rules_for()
    {
        using nn.Module<Tensor, Tensor> network = RandomWeights.Ready(nn.Sequential(nn.Linear(4, 6), new Cosine(), nn.Linear(6, 2)));
        using Tensor example = randn(2, 4);
        OnnxExportOptions without = new() { Converters = new Dictionary<Type, OnnxConverter> { [typeof(Cosine)] = (graph, _, x) => graph.Node("Cos", [x]) } };
        Assert.Contains("Cos: this library has no rules for the operator; give Node the type and the shape", Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(network, example, folder["x.onnx"], without)).Message, StringComparison.Ordinal);
        OnnxExportOptions options = new() { Converters = new Dictionary<Type, OnnxConverter> { [typeof(Cosine)] = (graph, _, x) => graph.Node("Cos", x.ElementType, x.Shape, [x]) } };
        OnnxExporter.Export(network, example, folder["x.onnx"], options);
        OnnxExporter.Verify(network, example, folder["x.onnx"], options);
        Assert.Empty(OnnxChecker.Check(folder["x.onnx"]));

        OnnxExportOptions wrong = new() { Converters = new Dictionary<Type, OnnxConverter> { [typeof(Cosine)] = (graph, _, x) => graph.Node("Cosinus", x.ElementType, x.Shape, [x]) } };
        OnnxExporter.Export(network, example, folder["x.onnx"], wrong);
        Assert.Contains("Cosinus", Assert.Throws<OnnxExportException>(() => OnnxExporter.Verify(network, example, folder["x.onnx"], wrong)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_recurrent_layer_that_is_called_like_others_says_how_it_is_written()
    {
        using Tagger network = RandomWeights.Ready(new Tagger());
        network.Plainly = true;
        using Tensor texts = randint(0, Vocabulary, [2, Tokens], dtype: ScalarType.Int64);
        Assert.Contains("write graph.Lstm(...)", Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(network, texts, folder["x.onnx"])).Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private async Task TryAsync(nn.Module<Tensor, Tensor> network, Tensor input, Tensor calibration, OnnxPrecision precision, string type)
    {
        OnnxExportOptions options = new() { Precision = precision, CalibrationInputs = calibration };
        OnnxExporter.Export(network, input, folder["x.onnx"], options);
        Assert.Empty(OnnxChecker.Check(folder["x.onnx"]));
        OnnxVerification verification = OnnxExporter.Verify(network, input, folder["x.onnx"], options);
        Tensor answers = network.call(input).detach();
        float[] torch = answers.data<float>().ToArray();
        double spread = answers.std().item<float>();
        Assert.InRange(verification.LargestDifferences["output"], 0, precision == OnnxPrecision.Int8 ? 0.5 * spread : 1e-3);

        await File.WriteAllBytesAsync(folder["input.bin"], input.contiguous().bytes.ToArray(), TestContext.Current.CancellationToken);
        float[] web = await WebRuntime.RunAsync(folder["x.onnx"], "output", [folder["input.bin"], type, .. input.shape.Select(d => $"{d}")]);
        double tolerance = precision switch { OnnxPrecision.Float32 => 1e-3, OnnxPrecision.Float16 => 0.05 * spread, _ => 0.5 * spread };
        Assert.Equal(torch.Length, web.Length);
        Assert.All(torch.Zip(web), p => Assert.InRange(Math.Abs(p.First - p.Second), 0, tolerance));
    }

    private sealed class Cosine() : nn.Module<Tensor, Tensor>(nameof(Cosine))
    {
        public override Tensor forward(Tensor input) => input.cos();
    }

    /// <summary>Two levels of Ronneberger et al. 2015 (arXiv:1505.04597), enlarged by interpolation.</summary>
    private sealed class UNet : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly Sequential down = Block(3, 16);
        private readonly MaxPool2d pool = nn.MaxPool2d(2);
        private readonly Sequential middle = Block(16, 32);
        private readonly Upsample enlarge = nn.Upsample(scale_factor: [2, 2], mode: UpsampleMode.Bilinear);
        private readonly Sequential up = Block(48, 16);
        private readonly Conv2d head = nn.Conv2d(16, 2, 1);

        public UNet()
            : base(nameof(UNet)) => RegisterComponents();

        public override Tensor forward(Tensor input)
        {
            Tensor skipped = down.call(input);
            return head.call(up.call(cat([enlarge.call(middle.call(pool.call(skipped))), skipped], 1)));
        }

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
        {
            OnnxValue skipped = graph.Call(down, input);
            return graph.Call(head, graph.Call(up, graph.Concat([graph.Call(enlarge, graph.Call(middle, graph.Call(pool, skipped))), skipped], 1)));
        }

        private static Sequential Block(int channels, int output) => nn.Sequential(nn.Conv2d(channels, output, 3, padding: 1), nn.BatchNorm2d(output), nn.ReLU(), nn.Conv2d(output, output, 3, padding: 1), nn.ReLU());
    }

    private sealed class Tagger : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly Embedding words = nn.Embedding(Vocabulary, 16);
        private readonly LSTM lstm = nn.LSTM(16, 16, numLayers: 2, batchFirst: true, bidirectional: true);
        private readonly Linear tags = nn.Linear(32, 5);

        public Tagger()
            : base(nameof(Tagger)) => RegisterComponents();

        public bool Plainly { get; set; }

        public override Tensor forward(Tensor input) => tags.call(lstm.call(words.call(input)).Item1);

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
        {
            OnnxValue embedded = graph.Call(words, input);
            return graph.Call(tags, Plainly ? graph.Call(lstm, embedded) : graph.Lstm(lstm, embedded, batchFirst: true).Output);
        }
    }

    /// <summary>Two blocks of GPT-2 (Radford et al. 2019).</summary>
    private sealed class Gpt : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private const int Width = 24;

        private readonly Embedding tokens = nn.Embedding(Vocabulary, Width);
        private readonly Parameter positions = new(randn(Tokens, Width) * 0.1);
        private readonly Sequential blocks = nn.Sequential(new GptBlock(Width), new GptBlock(Width));
        private readonly LayerNorm norm = nn.LayerNorm(Width);
        private readonly Linear head = nn.Linear(Width, Vocabulary, hasBias: false);

        public Gpt()
            : base(nameof(Gpt)) => RegisterComponents();

        public override Tensor forward(Tensor input) => head.call(norm.call(blocks.call(tokens.call(input) + positions)));

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) =>
            graph.Call(head, graph.Call(norm, graph.Call(blocks, graph.Add(graph.Call(tokens, input), graph.Parameter(positions)))));
    }

    private sealed class GptBlock : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private const int Heads = 3;

        private readonly LayerNorm norm1;
        private readonly LayerNorm norm2;
        private readonly Linear projection;
        private readonly Linear output;
        private readonly Sequential mlp;
        private readonly int _width;

        public GptBlock(int width)
            : base(nameof(GptBlock))
        {
            _width = width;
            norm1 = nn.LayerNorm(width);
            norm2 = nn.LayerNorm(width);
            projection = nn.Linear(width, 3 * width);
            output = nn.Linear(width, width);
            mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(GELU.Approximate.tanh), nn.Linear(4 * width, width));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            Tensor[] parts = [.. projection.call(norm1.call(input)).chunk(3, 2).Select(p => p.view(input.shape[0], input.shape[1], Heads, _width / Heads).transpose(1, 2))];
            Tensor attended = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_casual: true);
            Tensor x = input + output.call(attended.transpose(1, 2).reshape(input.shape));
            return x + mlp.call(norm2.call(x));
        }

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
        {
            long n = input.Shape[0], t = input.Shape[1];
            OnnxValue all = graph.Call(projection, graph.Call(norm1, input));
            OnnxValue[] parts = [.. Enumerable.Range(0, 3).Select(i => graph.Transpose(graph.Reshape(graph.Slice(all, 2, i * _width, (i + 1) * _width), n, t, Heads, _width / Heads), 1, 2))];
            OnnxValue attended = graph.ScaledDotProductAttention(parts[0], parts[1], parts[2], graph.CausalMask(t));
            OnnxValue x = graph.Add(input, graph.Call(output, graph.Reshape(graph.Transpose(attended, 1, 2), n, t, _width)));
            return graph.Add(x, graph.Call(mlp, graph.Call(norm2, x)));
        }
    }
}
