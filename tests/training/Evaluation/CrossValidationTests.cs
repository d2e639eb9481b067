using Lentigo.Training.Data;
using Lentigo.Training.Tests.Commands;
using Lentigo.Training.Trainers;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Evaluation;

public sealed class CrossValidationTests
{
    private static readonly string[] Options =
        ["--members", "mobilenet_v2,vit_tiny", "--recipe", "strong", "--size", "32", "--epochs", "1", "--batch", "14", "--threads", "1"];

    [Fact]
    public async Task Every_image_counts_once_and_is_answered_by_networks_that_were_not_trained_on_it()
    {
        using TemporaryFolder folder = new();
        SyntheticLesions.WriteHam10000(folder["data"], perClass: 6, size: 40);
        foreach (int fold in new[] { 1, 2 })
        {
            Assert.Equal(0, (await LentigoConsole.RunAsync(
                ["train", "--data", folder["data"], "--out", folder[$"fold{fold}"], "--fold", $"{fold}/2", "--no-cache", .. Options])).ExitCode);
        }

        // The runs may stand in any order.
        var done = await LentigoConsole.RunAsync("cross-validate", "--run", folder["fold2"], folder["fold1"], "--data", folder["data"], "--no-cache", "--json",
            folder["cv.json"]);
        Assert.True(done.ExitCode == 0, done.Output);
        Assert.Contains("2-fold cross-validation on data, split by lesion", done.Output, StringComparison.Ordinal);
        Assert.Contains("ensemble - mobilenet_v2", done.Output, StringComparison.Ordinal);

        using LesionDataSet data = DataSets.Open(folder["data"], 32, skipMissing: false, _ => { }, cancellationToken: TestContext.Current.CancellationToken);
        int hits = 0;
        for (int fold = 0; fold < 2; fold++)
        {
            DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1, folds: 2, fold);
            IReadOnlyList<TrainedMember> members = TrainedMember.LoadAll([folder[$"fold{fold + 1}"]]);
            float[][][] logits = [.. members.Select(m =>
                MemberLogits.Compute(m.Network, new(data, m.Architecture, CPU), split.Val, "all", cancellationToken: TestContext.Current.CancellationToken))];
            hits += split.Val.Where((image, i) => Likeliest([.. logits[0][i].Zip(logits[1][i], (a, b) => (a + b) / 2)]) == data.Records[image].Label).Count();
        }

        using System.Text.Json.JsonDocument json =
            System.Text.Json.JsonDocument.Parse(await File.ReadAllBytesAsync(folder["cv.json"], TestContext.Current.CancellationToken));
        System.Text.Json.JsonElement all = json.RootElement.GetProperty("all");
        Assert.Equal(data.Count, all.GetProperty("images").GetInt32());
        double accuracy = all.GetProperty("ensemble").GetProperty("accuracy").GetProperty("value").GetDouble();
        Assert.Equal((double)hits / data.Count, accuracy, 9);
        double member = all.GetProperty("members").GetProperty("vit_tiny").GetProperty("accuracy").GetProperty("value").GetDouble();
        Assert.Equal(accuracy - member, all.GetProperty("gains").GetProperty("vit_tiny").GetProperty("accuracy").GetProperty("value").GetDouble(), 9);

        var twice = await LentigoConsole.RunAsync("cross-validate", "--run", folder["fold2"], folder["fold2"], "--data", folder["data"], "--no-cache");
        Assert.Equal((1, true), (twice.ExitCode, twice.Error.Contains("Two of the runs hold the member", StringComparison.Ordinal)));
        var one = await LentigoConsole.RunAsync("cross-validate", "--run", folder["fold2"], "--data", folder["data"]);
        Assert.Equal((2, true), (one.ExitCode, one.Error.Contains("needs the runs of at least two folds", StringComparison.Ordinal)));
    }

    private static int Likeliest(float[] logits) => Array.IndexOf(logits, logits.Max());
}
