using System.Globalization;
using System.Text.Json;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Commands;

public sealed class SourcesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SourcesTests()
    {
        SyntheticLesions.WriteHam10000(_folder["main"], perClass: 4, size: 40);
        SyntheticLesions.WriteHam10000(_folder["more"], perClass: 2, size: 40, table: "metadata.csv", first: 700);
        SyntheticLesions.WriteHam10000(_folder["first"], perClass: 2, size: 24, table: "metadata.csv", first: 1400);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_model_of_several_sources_names_each_and_is_evaluated_on_the_split_of_the_one_it_was_validated_on()
    {
        var trained = await TrainAsync("--data", _folder["main"], $"{_folder["more"]}@0.5", "--pretrain-data", _folder["first"], "--pretrain-size", "24",
            "--pretrain-epochs", "1");
        Assert.True(trained.ExitCode == 0, trained.Error);
        ModelManifest manifest = ModelPackage.Open(_folder["run"]).Manifest;
        Assert.Equal(
            [("first", ModelSource.Pretraining, 1.0, 24, 14), ("main", ModelSource.Validated, 1.0, 32, 28), ("more", ModelSource.Train, 0.5, 32, 14)],
            manifest.Data!.Sources!.Select(s => (s.Name, s.Role, s.Weight, s.Size, s.Images)));
        using LesionDataSet main = DataSets.Open(_folder["main"], 32, skipMissing: false, _ => { }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal((main.Fingerprint, main.Fingerprint), (manifest.Data.Fingerprint, manifest.Data.Sources![1].Fingerprint));
        Assert.All(manifest.Prior!, p => Assert.Equal(1.0 / 7, p, 9)); // main's classes are equally frequent
        Assert.Equal(24, manifest.Recipe!.Value.GetProperty("pretraining").GetProperty("size").GetInt32());
        Assert.Equal(["mobilenet_v2"], manifest.Members.Select(m => m.Name)); // the first training is no member

        var evaluated = await LentigoConsole.RunAsync("evaluate", "--model", _folder["run"], "--data", _folder["main"], "--subset", "val", "--no-cache",
            "--json", _folder["val.json"]);
        Assert.True(evaluated.ExitCode == 0, evaluated.Error);
        using JsonDocument figures = JsonDocument.Parse(await File.ReadAllBytesAsync(_folder["val.json"], TestContext.Current.CancellationToken));
        Assert.Equal(manifest.Data.ValCount, figures.RootElement.GetProperty("ensemble").GetProperty("count").GetInt32());
    }

    [Fact]
    public async Task The_sources_to_validate_on_can_be_named()
    {
        var trained = await TrainAsync("--data", _folder["main"], _folder["more"], "--validate-on", "more");
        Assert.True(trained.ExitCode == 0, trained.Error);
        Assert.Equal("more", ModelPackage.Open(_folder["run"]).Manifest.Data!.Name);
    }

    [Fact]
    public async Task A_prior_that_is_asked_for_is_what_the_probabilities_are_for()
    {
        var trained = await TrainAsync("--data", _folder["main"], "--prior", "1,1,1,1,1,3,2");
        Assert.True(trained.ExitCode == 0, trained.Error);
        Assert.Equal([0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.2], ModelPackage.Open(_folder["run"]).Manifest.Prior!.Select(p => Math.Round(p, 9)));

        (JsonDocument natural, double[][] own) = await EvaluateAsync("natural");
        (JsonDocument uniform, double[][] weighed) = await EvaluateAsync("uniform");
        using (natural)
        using (uniform)
        {
            Assert.All(own.Zip(weighed), p =>
                Assert.All(ClassPrior.Reweigh(p.First, [0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 0.2], ClassPrior.UniformShares).Zip(p.Second),
                q => Assert.Equal(q.First, q.Second, 6)));
            JsonElement under = natural.RootElement.GetProperty("uniform").GetProperty("ensemble");
            Assert.True(JsonElement.DeepEquals(under, uniform.RootElement.GetProperty("ensemble")));
            Assert.False(JsonElement.DeepEquals(under, natural.RootElement.GetProperty("ensemble")));
        }

        var refused = await LentigoConsole.RunAsync("evaluate", "--model", _folder["run"], "--data", _folder["main"], "--no-cache", "--prior", "even");
        Assert.Equal((2, true), (refused.ExitCode, refused.Error.Contains("--prior takes natural, uniform or seven numbers", StringComparison.Ordinal)));
    }

    private async Task<(JsonDocument Figures, double[][] Probabilities)> EvaluateAsync(string prior)
    {
        var evaluated = await LentigoConsole.RunAsync(
            "evaluate", "--model", _folder["run"], "--data", _folder["main"], "--no-cache", "--prior", prior, "--json", _folder["figures.json"],
                "--predictions", _folder["answers.csv"]);
        Assert.True(evaluated.ExitCode == 0, evaluated.Error);
        Assert.Contains("mobilenet_v2, uniform prior", evaluated.Output, StringComparison.Ordinal);
        double[][] rows = [.. File.ReadLines(_folder["answers.csv"]).Skip(1)
            .Select(l => l.Split(',').Skip(2).Take(7).Select(v => double.Parse(v, CultureInfo.InvariantCulture)).ToArray())];
        return (JsonDocument.Parse(await File.ReadAllBytesAsync(_folder["figures.json"], TestContext.Current.CancellationToken)), rows);
    }

    [Theory]
    [InlineData(2, "names none of the data sets", "--validate-on", "elsewhere")]
    [InlineData(2, "Give its data sets with --pretrain-data", "--pretrain-epochs", "2")]
    [InlineData(2, "pretraining.epochs is 0; it must lie between 1 and 10000", "--pretrain-epochs", "0", "--pretrain-data", "DIR/first")]
    [InlineData(2, "is given twice. To sample its images twice per epoch, write", "--data", "DIR/main")]
    [InlineData(2, "is not a number above 0", "--data", "DIR/more@x")]
    [InlineData(1, "There is no data set at", "--pretrain-data", "DIR/nowhere")]
    [InlineData(1, "There is no table", "--data", "DIR/more=DIR/none.csv")]
    [InlineData(1, "28 image ids are in both main and clash, but with other pixels", "--data", "DIR/clash")]
    [InlineData(1, "The first training has other classes than the second: few holds no image of akiec, bcc, bkl, df, mel, vasc", "--pretrain-data", "DIR/few")]
    public async Task Sources_that_make_no_sense_are_refused_before_training_begins(int exitCode, string says, params string[] more)
    {
        SyntheticLesions.WriteHam10000(_folder["clash"], perClass: 4, size: 33);
        Directory.CreateDirectory(_folder["few"]);
        File.WriteAllText(_folder[Path.Combine("few", "metadata.csv")], "lesion_id,image_id,dx\nl,x,nv\n");
        SyntheticLesions.WriteImage(_folder[Path.Combine("few", "x.jpg")], 5, 1, 24);
        var refused = await TrainAsync(["--data", _folder["main"], .. more.Select(m => m.Replace("DIR", _folder.Path, StringComparison.Ordinal))]);
        Assert.True(refused.ExitCode == exitCode && refused.Error.Contains(says, StringComparison.Ordinal), $"{refused.ExitCode}: {refused.Error}");
        Assert.DoesNotContain("epoch 1", refused.Output, StringComparison.Ordinal);
    }

    private async Task<(int ExitCode, string Output, string Error)> TrainAsync(params string[] more) => await LentigoConsole.RunAsync(
        ["train", "--out", _folder["run"], "--members", "mobilenet_v2", "--recipe", "strong", "--size", "32", "--epochs", "1", "--batch", "7", "--no-cache",
            "--threads", "1", .. more]);
}
