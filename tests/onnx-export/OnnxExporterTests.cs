using Google.Protobuf;
using Lentigo.OnnxExport.Proto;
using Microsoft.ML.OnnxRuntime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

public sealed class OnnxExporterTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly nn.Module<Tensor, Tensor> network;
    private readonly Tensor example;

    public OnnxExporterTests()
    {
        manual_seed(1);
        example = randn(2, 3, 16, 16);
        network = RandomWeights.Ready(nn.Sequential(
            nn.Conv2d(3, 16, 3, padding: 1, bias: false), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), new Residual(16), nn.Conv2d(16, 32, 3, padding: 1), nn.ReLU6(), new Residual(32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 4)));
    }

    [Fact]
    public void Names_doc_string_metadata_and_operator_set_are_in_the_file()
    {
        OnnxExportOptions options = new()
        {
            InputName = "photo",
            OutputName = "scores",
            DocString = "For a test.",
            Metadata = new Dictionary<string, string> { ["licence"] = "MIT" },
            Opset = 21,
        };
        OnnxExporter.Export(network, example, folder["x.onnx"], options);
        OnnxExporter.Verify(network, example, folder["x.onnx"], options);
        OnnxInspection file = OnnxInspection.Read(folder["x.onnx"]);
        Assert.Equal(new("photo", "Float32 [n, 3, 16, 16]"), Assert.Single(file.Inputs));
        Assert.Equal(new("scores", "Float32 [n, 4]"), Assert.Single(file.Outputs));
        Assert.Equal("For a test.", file.DocString);
        Assert.Equal("MIT", file.Metadata["licence"]);
        Assert.Equal((21, 10), (file.Opset, file.IrVersion));
        Assert.Empty(OnnxChecker.Check(folder["x.onnx"]));
    }

    [Theory]
    [InlineData(18)]
    [InlineData(19)]
    [InlineData(20)]
    [InlineData(21)]
    public void Every_operator_set_that_can_be_chosen_gives_the_same(int opset)
    {
        OnnxExportOptions options = new() { Opset = opset };
        OnnxExporter.Export(network, example, folder["x.onnx"], options);
        OnnxExporter.Verify(network, example, folder["x.onnx"], options);
    }

    [Fact]
    public void A_batch_of_fixed_length_is_in_the_file_as_a_number()
    {
        OnnxExporter.Export(network, example, folder["x.onnx"], new() { DynamicBatch = false });
        OnnxExporter.Verify(network, example, folder["x.onnx"], new() { DynamicBatch = false });
        Assert.Equal("Float32 [2, 3, 16, 16]", OnnxInspection.Read(folder["x.onnx"]).Inputs[0].Type);
    }

    [Fact]
    public void Batch_norms_are_folded_constants_computed_and_nodes_without_use_gone()
    {
        using nn.Module<Tensor, Tensor> wasteful = RandomWeights.Ready(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), new Wasteful()));
        OnnxExporter.Export(wasteful, example, folder["x.onnx"]);
        OnnxExporter.Verify(wasteful, example, folder["x.onnx"]);
        Assert.Equal(["Conv", "Mul"], OnnxInspection.Read(folder["x.onnx"]).Nodes.Select(n => n.Operation));
    }

    [Fact]
    public void A_module_of_somebody_elses_is_exported_by_a_converter()
    {
        using nn.Module<Tensor, Tensor> unknown = RandomWeights.Ready(nn.Sequential(nn.Conv2d(3, 4, 3), new Doubled()));
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(unknown, example, folder["x.onnx"]));
        Assert.Contains("'Sequential.1' (Doubled)", refused.Message, StringComparison.Ordinal);
        Assert.Contains(nameof(IOnnxExportable), refused.Message, StringComparison.Ordinal);
        OnnxExportOptions options = new() { Converters = new Dictionary<Type, OnnxConverter> { [typeof(Doubled)] = (graph, _, x) => graph.Add(x, x) } };
        OnnxExporter.Export(unknown, example, folder["x.onnx"], options);
        OnnxExporter.Verify(unknown, example, folder["x.onnx"], options);
    }

    [Fact]
    public void Verification_names_the_first_module_that_differs()
    {
        OnnxExporter.Export(network, example, folder["x.onnx"]);
        using (no_grad())
        {
            ((Conv2d)network.named_modules().Single(m => m.name == "5").module).weight.mul_(1.5);
        }

        OnnxExportException differs = Assert.Throws<OnnxExportException>(() => OnnxExporter.Verify(network, example, folder["x.onnx"]));
        Assert.Contains("first module that differs is 'Sequential.5' (Conv2d)", differs.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Verification_finds_a_forward_that_depends_on_its_data()
    {
        using nn.Module<Tensor, Tensor> moody = RandomWeights.Ready(nn.Sequential(new Moody()));
        using Tensor positive = ones(2, 4);
        OnnxExporter.Export(moody, positive, folder["x.onnx"]);
        manual_seed(2);
        OnnxExportException differs = Assert.Throws<OnnxExportException>(() => OnnxExporter.Verify(moody, positive, folder["x.onnx"]));
        Assert.Contains("'Sequential.0' (Moody)", differs.Message, StringComparison.Ordinal);
        Assert.Contains("a graph has one way", differs.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Int8_runs_on_integer_kernels_in_a_quarter_of_the_space_and_answers_nearly_the_same()
    {
        manual_seed(4);
        using nn.Module<Tensor, Tensor> wide = RandomWeights.Ready(nn.Sequential(
            nn.Conv2d(3, 64, 3, padding: 1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2), new Residual(64), nn.Conv2d(64, 64, 3, padding: 1, groups: 64), nn.BatchNorm2d(64), nn.ReLU6(), nn.Conv2d(64, 64, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 4)));
        OnnxExportOptions options = new() { Precision = OnnxPrecision.Int8, CalibrationInputs = randn(64, 3, 16, 16) };
        OnnxExporter.Export(wide, example, folder["int8.onnx"], options);
        OnnxExporter.Export(wide, example, folder["float32.onnx"]);
        Assert.Empty(OnnxChecker.Check(folder["int8.onnx"]));
        Assert.InRange((double)new FileInfo(folder["int8.onnx"]).Length / new FileInfo(folder["float32.onnx"]).Length, 0.2, 0.35);
        OnnxVerification verification = OnnxExporter.Verify(wide, example, folder["int8.onnx"], options);
        using Tensor answers = wide.call(randn(64, 3, 16, 16));
        Assert.InRange(verification.LargestDifferences["output"] / answers.std().item<float>(), 0, 0.35);

        // ONNX Runtime fuses the pairs around each convolution into an integer one.
        using SessionOptions session = new() { OptimizedModelFilePath = folder["optimized.onnx"], GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED };
        session.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR;
        new InferenceSession(folder["int8.onnx"], session).Dispose();
        List<string> operators = [.. OnnxInspection.Read(folder["optimized.onnx"]).Nodes.Select(n => n.Operation)];
        Assert.DoesNotContain("Conv", operators);
        Assert.Equal(4, operators.Count(o => o == "QLinearConv"));
        Assert.Contains("QLinearAdd", operators);
        Assert.DoesNotContain("Relu", operators);
        Assert.DoesNotContain("Clip", operators);
    }

    [Fact]
    public void Int8_products_over_tokens_run_on_integer_kernels()
    {
        using nn.Module<Tensor, Tensor> tokens = RandomWeights.Ready(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)));
        using Tensor row = randn(2, 10, 32);
        OnnxExportOptions options = new() { Precision = OnnxPrecision.Int8, CalibrationInputs = randn(64, 10, 32), ReducedRange = true };
        OnnxExporter.Export(tokens, row, folder["int8.onnx"], options);
        Assert.InRange(OnnxExporter.Verify(tokens, row, folder["int8.onnx"], options).LargestDifferences["output"], 0, 0.15);
        using SessionOptions session = new() { OptimizedModelFilePath = folder["optimized.onnx"], GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED };
        session.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR;
        new InferenceSession(folder["int8.onnx"], session).Dispose();
        List<string> operators = [.. OnnxInspection.Read(folder["optimized.onnx"]).Nodes.Select(n => n.Operation)];
        Assert.Equal(2, operators.Count(o => o == "MatMulIntegerToFloat"));
    }

    [Theory]
    [InlineData("an attribute of another type", "'axis' is a Single, not a Int64")]
    [InlineData("a missing attribute", "'axis' is missing")]
    [InlineData("a shape that is not so", "is stated as Float32 [n, 5] and is Float32 [n, 4]")]
    [InlineData("an input that nothing makes", "takes 'nothing', which nothing before it makes")]
    [InlineData("too many inputs", "Relu: it has 2 inputs, not 1 to 1")]
    [InlineData("an old operator set", "needs operator set 14, the model has 13")]
    [InlineData("a short constant", "bytes of raw data")]
    [InlineData("channels that do not fit", "3 channels do not fit weights")]
    [InlineData("a value made twice", "is made twice")]
    [InlineData("an old format", "IR version 3 is older than operator set 18")]
    public void The_checker_finds(string fault, string message)
    {
        OnnxExporter.Export(nn.Sequential(network, new Concatenated()) is var both ? RandomWeights.Ready(both) : both, example, folder["x.onnx"]);
        ModelProto model = OnnxFile.Read(folder["x.onnx"]);
        Assert.Empty(OnnxChecker.Check(model));
        GraphProto graph = model.Graph;
        NodeProto relu = graph.Node.First(n => n.OpType == "Relu"), concat = graph.Node.First(n => n.OpType == "Concat"), conv = graph.Node.First(n => n.OpType == "Conv");
        switch (fault)
        {
            case "an attribute of another type":
                (concat.Attribute[0].Type, concat.Attribute[0].F) = (AttributeType.Float, 1);
                break;
            case "a missing attribute":
                concat.Attribute.Clear();
                break;
            case "a shape that is not so":
                graph.ValueInfo.First(v => v.Type.TensorType.Shape.Dim.Count == 2 && v.Type.TensorType.Shape.Dim[1].DimValue == 4).Type.TensorType.Shape.Dim[1].DimValue = 5;
                break;
            case "an input that nothing makes":
                relu.Input[0] = "nothing";
                break;
            case "too many inputs":
                relu.Input.Add(relu.Input[0]);
                break;
            case "an old operator set":
                model.OpsetImport[0].Version = 13;
                break;
            case "a short constant":
                graph.Initializer[0].RawData = ByteString.CopyFrom(1, 2, 3);
                break;
            case "channels that do not fit":
                graph.Input[0].Type.TensorType.Shape.Dim[1].DimValue = 3;
                conv.Attribute.First(a => a.Name == "group").I = 2;
                break;
            case "a value made twice":
                graph.Node.Add(relu.Clone());
                break;
            case "an old format":
                model.IrVersion = 3;
                break;
        }

        Assert.Contains(OnnxChecker.Check(model), f => f.Contains(message, StringComparison.Ordinal));
    }

    public void Dispose()
    {
        folder.Dispose();
        network.Dispose();
        example.Dispose();
    }

    /// <summary>y = ReLU(conv(x) + x).</summary>
    private sealed class Residual : nn.Module<Tensor, Tensor>, IOnnxExportable
    {
        private readonly Conv2d conv;

        public Residual(long channels)
            : base(nameof(Residual))
        {
            conv = nn.Conv2d(channels, channels, 3, padding: 1);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => (conv.call(input) + input).relu();

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => graph.Relu(graph.Add(graph.Call(conv, input), input));
    }

    private sealed class Wasteful() : nn.Module<Tensor, Tensor>(nameof(Wasteful)), IOnnxExportable
    {
        public override Tensor forward(Tensor input) => input * 6;

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
        {
            graph.Relu(input);
            return graph.Multiply(input, graph.Multiply(graph.Constant(2), graph.Constant(3)));
        }
    }

    private sealed class Concatenated() : nn.Module<Tensor, Tensor>(nameof(Concatenated)), IOnnxExportable
    {
        public override Tensor forward(Tensor input) => cat([input, input], 1);

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => graph.Concat([input, input], 1);
    }

    private sealed class Doubled() : nn.Module<Tensor, Tensor>(nameof(Doubled))
    {
        public override Tensor forward(Tensor input) => input + input;
    }

    private sealed class Moody() : nn.Module<Tensor, Tensor>(nameof(Moody)), IOnnxExportable
    {
        public override Tensor forward(Tensor input) => input * (input.sum().item<float>() > 5 ? 2 : -2);

        public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => graph.Multiply(input, graph.Constant(2));
    }
}
