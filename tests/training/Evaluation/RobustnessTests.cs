using Lentigo.Core;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Reports;
using Lentigo.Training.Tests.Commands;

namespace Lentigo.Training.Tests.Evaluation;

public sealed class RobustnessTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Answers_of_a_network_that_averages_over_mirror_images_stay_when_a_photograph_is_mirrored_and_move_when_it_is_framed()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 4, size: 40);
        for (int i = 0; i < 7; i++)
        {
            SyntheticLesions.WriteImage(_folder[Path.Combine("originals", LesionClasses.Codes[i], "a.png")], i, 50, 240);
        }

        var trained = await LentigoConsole.RunAsync(
            "train", "--data", _folder["data"], "--out", _folder["run"], "--members", "resnet18", "--recipe", "strong", "--flips", "horizontal", "--lr",
            "0.0005",
            "--size", "32", "--epochs", "6", "--batch", "7", "--no-cache", "--threads", "1", "--robustness", _folder["originals"]);
        Assert.True(trained.ExitCode == 0, trained.Error);

        using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(_folder["run"]), new() { Device = InferenceDevice.Cpu });
        IReadOnlyList<RobustnessFigures> figures = Robustness.Measure(model, DataSetFiles.List(_folder["originals"]).Images);
        Assert.Equal(7, figures.Count);
        Assert.All(figures, f => Assert.Equal(7, f.Count));
        RobustnessFigures mirrored = figures.Single(f => f.Change == "mirrored"),
            framed = figures.Single(f => f.Change.Contains("frame", StringComparison.Ordinal));
        Assert.Equal((0, 0.0), (mirrored.Flips, Math.Round(mirrored.LargestShift, 3)));
        Assert.True(framed.LargestShift > 0.003, $"{framed}");
        Assert.Equal(figures, Robustness.Measure(model, DataSetFiles.List(_folder["originals"]).Images)); // the hairs are drawn alike each time

        string report = File.ReadAllText(Path.Combine(ModelPackage.Open(_folder["run"]).Folder, Report.HtmlFileName));
        Assert.Contains("<section id=\"robustness\">", report, StringComparison.Ordinal);
        Assert.Contains("rotated by 90 degrees", report, StringComparison.Ordinal);

        var evaluated = await LentigoConsole.RunAsync("evaluate", "--model", _folder["run"], "--data", _folder["data"], "--no-cache", "--robustness",
            _folder["originals"]);
        Assert.Contains($"{framed.Flips} of 7", evaluated.Output, StringComparison.Ordinal);
        File.WriteAllText(_folder[Path.Combine("originals", "akiec", "b.png")], "not an image");
        var refused = await LentigoConsole.RunAsync("evaluate", "--model", _folder["run"], "--data", _folder["data"], "--no-cache", "--robustness",
            _folder["originals"]);
        Assert.Equal((1, true), (refused.ExitCode, refused.Error.Contains("b.png cannot be decoded", StringComparison.Ordinal)));
    }
}
