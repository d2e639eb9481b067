using Lentigo.Core;
using Lentigo.OnnxExport;
using Lentigo.Training.Commands;
using Lentigo.Training.Networks;
using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Networks;

/// <summary>Every network of the registry gives in ONNX Runtime what it gives in TorchSharp.</summary>
public sealed class OnnxExportTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly OnnxEnsembleOptions options = new() { InputSize = 64, Classes = LesionClasses.Count };

    public static TheoryData<string> Names => [.. MemberRegistry.All.Select(a => a.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_member_gives_the_same_logits_in_onnx_runtime(string name) => ExportAndVerify([Member(name)], options);

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_member_gives_the_same_logits_from_float16_weights_as_its_rounded_weights_do_in_half_the_space(string name)
    {
        OnnxEnsembleMember member = Member(name);
        using Tensor before = Logits(member);
        ExportAndVerify([member], options);
        ExportAndVerify([member], options with { Precision = OnnxPrecision.Float16 }, "float16.onnx");
        Assert.InRange((double)new FileInfo(folder["float16.onnx"]).Length / new FileInfo(folder["ensemble.onnx"]).Length, 0.49, 0.55);
        // The comparison rounds the network's weights and must give them back.
        using Tensor after = Logits(member);
        Assert.True(before.equal(after).all().ToBoolean());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_members_int8_graph_runs_on_integer_kernels_and_keeps_the_specification(string name)
    {
        OnnxEnsembleOptions int8 = options with { Precision = OnnxPrecision.Int8, CalibrationImages = Images(24) };
        OnnxEnsembleMember member = Member(name);
        OnnxEnsemble.Export([member], folder["int8.onnx"], int8);
        Assert.Empty(OnnxChecker.Check(folder["int8.onnx"]));
        OnnxVerification verification = OnnxEnsemble.Verify([member], folder["int8.onnx"], int8, Images(3));
        Assert.All(verification.LargestDifferences.Values, d => Assert.True(double.IsFinite(d)));
        using SessionOptions session =
            new() { OptimizedModelFilePath = folder["optimized.onnx"], GraphOptimizationLevel = GraphOptimizationLevel.ORT_ENABLE_EXTENDED };
        session.LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR;
        new InferenceSession(folder["int8.onnx"], session).Dispose();
        // All but layers of one position: squeeze-and-excitation and the head.
        int layers = member.Module.modules().Count(m => m is Conv2d or Linear) + (name == "vit_tiny" ? 12 : 0);
        int single = name.StartsWith("efficientnet", StringComparison.Ordinal) ? member.Module.modules().Count(m => m is SqueezeExcitation) * 2 + 1 : 1;
        Assert.Equal(layers - single, OnnxInspection.Read(folder["optimized.onnx"]).Nodes.Count(n => n.Operation is "QLinearConv" or "MatMulIntegerToFloat"));
    }

    [Fact]
    public void The_console_shows_what_a_file_holds_and_refuses_what_is_none()
    {
        OnnxEnsemble.Export([Member("mobilenet_v2")], folder["ensemble.onnx"], options with { DocString = "For a test [of brackets]." });
        Assert.Equal(0, OnnxCommand.Create().Parse(["inspect", folder["ensemble.onnx"], "--nodes"]).Invoke());
        File.WriteAllText(folder["text.onnx"], "not a model");
        Assert.Throws<OnnxExportException>(() => OnnxCommand.Create().Parse(["inspect", folder["text.onnx"]])
            .Invoke(new() { EnableDefaultExceptionHandler = false }));
    }

    [Theory]
    [InlineData("none")]
    [InlineData("horizontal")]
    [InlineData("all")]
    public void An_ensemble_averages_over_members_and_flips(string flips) => ExportAndVerify(
        [Member("resnet18", weight: 2), Member("mobilenet_v2", weight: 1)], options with { Flips = flips, Temperature = 1.7 });

    public void Dispose() => folder.Dispose();

    private void ExportAndVerify(IReadOnlyList<OnnxEnsembleMember> members, OnnxEnsembleOptions options, string file = "ensemble.onnx")
    {
        OnnxEnsemble.Export(members, folder[file], options);
        Assert.Empty(OnnxChecker.Check(folder[file]));
        OnnxVerification verification = OnnxEnsemble.Verify(members, folder[file], options, Images(3));
        Assert.Equal(["logits", "member_logits", "probabilities"], verification.LargestDifferences.Keys.Order());
        Assert.All(verification.LargestDifferences.Values, d => Assert.InRange(d, 0, 1e-2));
    }

    private static Tensor Images(int count) => randint(0, 256, [count, 64, 64, 3], dtype: ScalarType.Byte);

    private static Tensor Logits(OnnxEnsembleMember member)
    {
        using IDisposable noGradient = no_grad();
        manual_seed(5);
        return member.Module.call(randn(1, 3, 64, 64));
    }

    private static OnnxEnsembleMember Member(string name, double weight = 1) => RandomMember.Create(name, 64, weight);
}
