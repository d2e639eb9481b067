using Lentigo.Core.Decisions;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
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
            "train", "--data", _folder["data"], "--out", _folder["run"], "--members", "mobilenet_v2", "--recipe", "strong", "--flips", "none", "--size", "32",
                "--epochs", "1", "--batch", "7", "--no-cache", "--threads", "1")).ExitCode);

        // As if another version of the program had decoded the images of the training: the same images, other pixels.
        ModelPackage before = ModelPackage.Open(_folder["run"]);
        (string manifest, string fingerprint) = (Path.Combine(before.Folder, ModelManifest.FileName), before.Manifest.Data!.Fingerprint);
        File.WriteAllText(manifest, File.ReadAllText(manifest).Replace(fingerprint, new('0', fingerprint.Length), StringComparison.Ordinal));
        var done = await LentigoConsole.RunAsync("renew", "--model", _folder["run"], "--data", _folder["data"], "--also", _folder["clinic"], "--out",
            _folder["renewed"], "--no-cache");
        Assert.True(done.ExitCode == 0, done.Error);
        Assert.Contains("not exactly those that the model was validated on", done.Output, StringComparison.Ordinal);
        var evaluated = await LentigoConsole.RunAsync("evaluate", "--model", _folder["renewed"], "--data", _folder["data"], "--subset", "val", "--no-cache");
        Assert.True(evaluated.ExitCode == 0, evaluated.Error);
        Assert.DoesNotContain("not exactly those", evaluated.Output, StringComparison.Ordinal);

        ModelPackage after = ModelPackage.Open(_folder["renewed"]);
        Assert.Equal(fingerprint, after.Manifest.Data!.Fingerprint);
        Assert.NotEqual(before.Manifest.Version, after.Manifest.Version);
        Assert.Equal((before.Manifest.Temperature, before.Manifest.Data!.SplitFingerprint),
            (after.Manifest.Temperature, after.Manifest.Data.SplitFingerprint));
        Assert.Equal(before.Manifest.Files.Keys.Order(), after.Manifest.Files.Keys.Order());
        Assert.Equal(after.Manifest.Version, OnnxInspection.Read(after.OnnxPath).Metadata["version"]);
        ReportDocument report = Report.ReadOrNull(after.Folder)!;
        Assert.Equal(Report.ReadOrNull(before.Folder)!.LearningCurves["mobilenet_v2"], report.LearningCurves["mobilenet_v2"]);
        Assert.Equal(after.Manifest.Version, report.Version);

        using EnsembleModel old = EnsembleModel.Load(before, new() { Device = InferenceDevice.Cpu }),
            renewed = EnsembleModel.Load(after, new() { Device = InferenceDevice.Cpu });
        using LesionDataSet data = DataSets.Open(_folder["data"], 32, skipMissing: false, _ => { }, cancellationToken: TestContext.Current.CancellationToken);
        using LesionDataSet clinic = DataSets.Open(_folder["clinic"], 32, skipMissing: false, _ => { },
            cancellationToken: TestContext.Current.CancellationToken);
        EnsembleAnswers first = Answers(old, data), second = Answers(renewed, data);
        Assert.Equal(first.Probabilities, second.Probabilities);
        Assert.NotEqual(first.Suitability, second.Suitability);
        Assert.True(Answers(renewed, clinic).Suitability!.Average() > Answers(old, clinic).Suitability!.Average());
        Assert.Equal(ValidationAnswers.Read(before)!.Probabilities, ValidationAnswers.Read(after)!.Probabilities);

        var other = await LentigoConsole.RunAsync("renew", "--model", _folder["run"], "--data", _folder["clinic"], "--out", _folder["renewed"], "--no-cache");
        Assert.Equal((1, true), (other.ExitCode, other.Error.Contains("clinic is not the data set that lentigo", StringComparison.Ordinal)));
    }

    [Fact]
    public void Varied_images_differ_in_sharpness_and_grain_but_not_in_color_and_repeatably()
    {
        const int side = 16, seeds = 40;
        byte[] flat = [.. Enumerable.Repeat((byte)77, side * side * 3)];
        byte[] edge = [.. Enumerable.Range(0, side * side * 3).Select(i => (byte)(i / 3 % side < side / 2 ? 60 : 180))];
        byte[][] grains = [.. Enumerable.Range(0, seeds).Select(seed => SharpnessVariation.Of(flat, side, seed))];
        Assert.All(grains, g => Assert.InRange(g.Average(p => p), 76, 78));
        double[] deviations = [.. grains.Select(g => Math.Sqrt(g.Average(p => (p - 77.0) * (p - 77.0))))];
        Assert.InRange(deviations.Min(), 0, 1);
        Assert.InRange(deviations.Max(), 3, 4.5);

        // The step across the edge, a channel each; the mean over rows takes the grain out.
        double Step(byte[] image, int channel) => Enumerable.Range(0, side)
            .Average(row => (double)image[(3 * ((row * side) + (side / 2))) + channel] - image[(3 * ((row * side) + (side / 2) - 1)) + channel]);
        byte[][] edges = [.. Enumerable.Range(0, seeds).Select(seed => SharpnessVariation.Of(edge, side, seed))];
        Assert.Contains(edges, e => Step(e, 0) < 100);
        Assert.Contains(edges, e => Step(e, 0) > 150);
        Assert.Contains(edges, e => Math.Abs(Step(e, 0) - Step(e, 2)) > 10);
        Assert.Equal(SharpnessVariation.Of(edge, side, seed: 5), SharpnessVariation.Of(edge, side, seed: 5));
    }

    private static EnsembleAnswers Answers(EnsembleModel model, LesionDataSet data) =>
        EnsembleAnswers.Compute(model, data, [.. Enumerable.Range(0, data.Count)]);
}
