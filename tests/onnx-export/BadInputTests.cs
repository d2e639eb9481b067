using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

/// <summary>What cannot be exported is refused with a sentence that names the module and says what to do, and leaves no file behind.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void A_module_in_training_mode()
    {
        nn.Module<Tensor, Tensor> network = Network();
        network.named_modules().Single(m => m.name == "0").module.train();
        Refused(network, "'Sequential.0' (Conv2d) is in training mode", "eval()");
    }

    [Fact]
    public void A_module_on_another_device() => Refused(RandomWeights.Ready(nn.Sequential(nn.Linear(4, 2, device: META))), "'Sequential.0.weight' is on meta", "network.cpu()");

    [Fact]
    public void A_weight_that_is_no_number()
    {
        nn.Module<Tensor, Tensor> network = Network();
        using (no_grad())
        {
            network.parameters().First()[0].fill_(double.NaN);
        }

        Refused(network, "'Sequential.0.weight' holds NaN", "another checkpoint");
    }

    [Fact]
    public void A_weight_of_another_type() => Refused(Network().to(ScalarType.Float64), "'Sequential.0.weight' is of Float64", "to(ScalarType.Float32)");

    [Fact]
    public void An_input_of_a_type_that_is_not_exported()
    {
        using Tensor example = zeros(2, 3, 8, 8, dtype: ScalarType.ComplexFloat32);
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(Network(), example, folder["x.onnx"]));
        Assert.Contains("ComplexFloat32", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tied_weights_unless_they_are_allowed()
    {
        Linear first = nn.Linear(4, 4), second = nn.Linear(4, 4);
        second.weight = first.weight;
        nn.Module<Tensor, Tensor> network = RandomWeights.Ready(nn.Sequential(first, nn.ReLU(), second));
        using Tensor example = randn(2, 4);
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(network, example, folder["x.onnx"]));
        Assert.Contains("'Sequential.2.weight' is tied to 'Sequential.0.weight'", refused.Message, StringComparison.Ordinal);
        OnnxExportOptions options = new() { AllowTiedWeights = true };
        OnnxExporter.Export(network, example, folder["x.onnx"], options);
        OnnxExporter.Verify(network, example, folder["x.onnx"], options);
    }

    [Fact]
    public void A_module_that_normalizes_by_its_batch_even_in_use() => Refused(
        RandomWeights.Ready(nn.Sequential(nn.BatchNorm2d(3, track_running_stats: false))), "'Sequential.0' (BatchNorm2d)", "track_running_stats: true");

    [Fact]
    public void An_image_too_small_for_its_network() => Refused(RandomWeights.Ready(nn.Sequential(nn.Conv2d(3, 4, 9))), "'Sequential.0' (Conv2d)", "does not fit");

    [Fact]
    public void A_path_that_cannot_be_written()
    {
        File.WriteAllText(folder["file"], "");
        using Tensor example = randn(2, 3, 8, 8);
        string path = Path.Combine(folder["file"], "x.onnx");
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(Network(), example, path));
        Assert.Contains(path, refused.Message, StringComparison.Ordinal);
        Assert.Contains("Choose a path", refused.Message, StringComparison.Ordinal);
        Assert.Equal(["file"], Directory.GetFileSystemEntries(folder.Path).Select(Path.GetFileName));
    }

    [Fact]
    public void A_file_that_was_there_before_stays_if_the_export_fails()
    {
        File.WriteAllText(folder["x.onnx"], "before");
        nn.Module<Tensor, Tensor> network = Network();
        network.train();
        using Tensor example = randn(2, 3, 8, 8);
        Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(network, example, folder["x.onnx"]));
        Assert.Equal("before", File.ReadAllText(folder["x.onnx"]));
    }

    [Fact]
    public void Half_a_file_and_no_file_and_another_file()
    {
        using Tensor example = randn(2, 3, 8, 8);
        OnnxExporter.Export(Network(), example, folder["whole.onnx"]);
        File.WriteAllBytes(folder["half.onnx"], File.ReadAllBytes(folder["whole.onnx"])[..300]);
        File.WriteAllText(folder["text.onnx"], "not a model");
        foreach (string name in new[] { "half.onnx", "text.onnx", "none.onnx" })
        {
            Assert.Contains(folder[name], Assert.Throws<OnnxExportException>(() => OnnxInspection.Read(folder[name])).Message, StringComparison.Ordinal);
            Assert.Throws<OnnxExportException>(() => OnnxExporter.Verify(Network(), example, folder[name]));
        }
    }

    [Fact]
    public void Int8_without_inputs_to_measure_on()
    {
        using Tensor example = randn(2, 3, 8, 8);
        foreach (Tensor? calibration in new[] { null, randn(4, 3, 9, 9) })
        {
            OnnxExportException refused = Assert.Throws<OnnxExportException>(() =>
                OnnxExporter.Export(Network(), example, folder["x.onnx"], new() { Precision = OnnxPrecision.Int8, CalibrationInputs = calibration }));
            Assert.Contains("set CalibrationInputs to Float32 [n, 3, 8, 8]", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Weights_that_float16_cannot_hold()
    {
        nn.Module<Tensor, Tensor> network = RandomWeights.Ready(nn.Sequential(nn.Linear(16, 8)));
        using (no_grad())
        {
            network.parameters().First()[0].fill_(70000);
        }

        using Tensor example = randn(2, 16);
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(network, example, folder["x.onnx"], new() { Precision = OnnxPrecision.Float16 }));
        Assert.Contains("Sequential.0.weight", refused.Message, StringComparison.Ordinal);
        Assert.Contains("65504", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(17)]
    [InlineData(22)]
    public void An_operator_set_that_is_not_written(int opset)
    {
        using Tensor example = randn(2, 3, 8, 8);
        Assert.Contains($"Operator set {opset}", Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(Network(), example, folder["x.onnx"], new() { Opset = opset })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_that_make_no_ensemble()
    {
        OnnxEnsembleMember member = new("m", Network(), [0, 0, 0], [1, 1, 1], 1);
        OnnxEnsembleOptions options = new() { InputSize = 8, Classes = 2 };
        Fails([], options, "at least one");
        Fails([member, member], options, "same name");
        Fails([member with { Std = [1, 1, 0] }], options, "'m'");
        Fails([member with { Weight = -1 }], options, "'m'");
        Fails([member], options with { Classes = 3 }, "[n, 2], not [n, 3]");
        Fails([member], options with { Flips = "diagonal" }, "'diagonal'");
        Fails([member], options with { Temperature = 0 }, "temperature");

        void Fails(OnnxEnsembleMember[] members, OnnxEnsembleOptions with, string message) =>
            Assert.Contains(message, Assert.Throws<OnnxExportException>(() => OnnxEnsemble.Export(members, folder["x.onnx"], with)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private static nn.Module<Tensor, Tensor> Network() =>
        RandomWeights.Ready(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)));

    private void Refused(nn.Module<Tensor, Tensor> network, string what, string advice)
    {
        using Tensor example = randn(2, 3, 8, 8);
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() => OnnxExporter.Export(network, example, folder["x.onnx"]));
        Assert.Contains(what, refused.Message, StringComparison.Ordinal);
        Assert.Contains(advice, refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }
}
