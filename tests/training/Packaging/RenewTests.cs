using Lentigo.Core.Decisions;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Packaging;
using Lentigo.Training.Reports;
using Lentigo.Training.Tests.Commands;

namespace Lentigo.Training.Tests.Packaging;

/// <summary>A package written anew with the same networks.</summary>
public sealed class RenewTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_renewed_package_answers_as_before_and_takes_sharper_and_other_images_for_dermoscopy_images()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 6, size: 40);
        SyntheticLesions.WriteHam10000(_folder["clinic"], perClass: 3, size: 90);
        Assert.Equal(0, (await LentigoConsole.RunAsync(
            "train", "--data", _folder["data"], "--out", _folder["run"], "--members", "mobilenet_v2", "--recipe", "strong", "--flips", "none", "--size", "32", "--epochs", "1", "--batch", "7", "--no-cache", "--threads", "1")).ExitCode);
        var done = await LentigoConsole.RunAsync("renew", "--model", _folder["run"], "--data", _folder["data"], "--also", _folder["clinic"], "--out", _folder["renewed"], "--no-cache");
        Assert.True(done.ExitCode == 0, done.Error);

        ModelPackage before = ModelPackage.Open(_folder["run"]), after = ModelPackage.Open(_folder["renewed"]);
        Assert.NotEqual(before.Manifest.Version, after.Manifest.Version);
        Assert.Equal((before.Manifest.Temperature, before.Manifest.Data!.SplitFingerprint), (after.Manifest.Temperature, after.Manifest.Data!.SplitFingerprint));
        Assert.Equal(before.Manifest.Files.Keys.Order(), after.Manifest.Files.Keys.Order());
        Assert.Equal(after.Manifest.Version, OnnxInspection.Read(after.OnnxPath).Metadata["version"]);
        ReportDocument report = Report.ReadOrNull(after.Folder)!;
        Assert.Equal(Report.ReadOrNull(before.Folder)!.LearningCurves["mobilenet_v2"], report.LearningCurves["mobilenet_v2"]);
        Assert.Equal(after.Manifest.Version, report.Version);

        using EnsembleModel old = EnsembleModel.Load(before, new() { Device = InferenceDevice.Cpu }), renewed = EnsembleModel.Load(after, new() { Device = InferenceDevice.Cpu });
        using LesionDataSet data = DataSets.Open(_folder["data"], 32, skipMissing: false, _ => { }, cancellationToken: TestContext.Current.CancellationToken);
        using LesionDataSet clinic = DataSets.Open(_folder["clinic"], 32, skipMissing: false, _ => { }, cancellationToken: TestContext.Current.CancellationToken);
        EnsembleAnswers first = Answers(old, data), second = Answers(renewed, data);
        Assert.Equal(first.Probabilities, second.Probabilities);
        Assert.NotEqual(first.Suitability, second.Suitability);
        Assert.True(Answers(renewed, clinic).Suitability!.Average() > Answers(old, clinic).Suitability!.Average());
        Assert.Equal(ValidationAnswers.Read(before)!.Probabilities, ValidationAnswers.Read(after)!.Probabilities);

        var other = await LentigoConsole.RunAsync("renew", "--model", _folder["run"], "--data", _folder["clinic"], "--out", _folder["renewed"], "--no-cache");
        Assert.Equal((1, true), (other.ExitCode, other.Error.Contains("clinic is not the data set that lentigo", StringComparison.Ordinal)));
    }

    [Fact]
    public void Varying_sharpness_keeps_flat_images_and_colours_and_changes_edges_repeatably()
    {
        byte[] flat = [.. Enumerable.Repeat((byte)77, 8 * 8 * 3)];
        Assert.Equal(flat, SharpnessVariation.Of(flat, 8, seed: 1));
        byte[] edge = [.. Enumerable.Range(0, 8 * 8 * 3).Select(i => (byte)(i / 3 % 8 < 4 ? 60 : 180))];
        int[] contrasts = [.. Enumerable.Range(0, 40).Select(seed => SharpnessVariation.Of(edge, 8, seed)).Select(p => p[(3 * 8 * 4) + (3 * 4)] - p[(3 * 8 * 4) + (3 * 3)])];
        Assert.Contains(contrasts, c => c < 120);
        Assert.Contains(contrasts, c => c > 120);
        Assert.Equal(SharpnessVariation.Of(edge, 8, seed: 5), SharpnessVariation.Of(edge, 8, seed: 5));
    }

    private static EnsembleAnswers Answers(EnsembleModel model, LesionDataSet data) => EnsembleAnswers.Compute(model, data, [.. Enumerable.Range(0, data.Count)]);
}
