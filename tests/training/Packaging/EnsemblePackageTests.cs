using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.OnnxExport;
using Lentigo.Training.Commands;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Networks;
using Lentigo.Training.Packaging;
using Lentigo.Training.Recipes;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Packaging;

public sealed class EnsemblePackageTests(EnsemblePackageTests.TrainedRuns runs) : IClassFixture<EnsemblePackageTests.TrainedRuns>
{
    private static readonly TrainingRecipe Recipe = TrainingRecipe.Strong with { Size = 32, Epochs = 2, BatchSize = 14, Flips = "horizontal" };

    [Fact]
    public void Members_trained_apart_become_one_package_whose_answers_are_what_its_manifest_says()
    {
        (LesionDataSet data, DataSetSplit split, WrittenPackage written) = (runs.Data, runs.Split, runs.Written);
        ModelManifest manifest = ModelPackage.Open(runs.Models).Manifest;
        Assert.Equal(["resnet18", "mobilenet_v2"], manifest.Members.Select(m => m.Name));
        Assert.Equal((data.Fingerprint, split.Fingerprint, "lesion"), (manifest.Data!.Fingerprint, manifest.Data.SplitFingerprint, manifest.Data.Split));
        Assert.Equal(["ensemble.onnx", "report.html", "report.json", "similar.f16", "similar.json", "validation.json"],
            manifest.Files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(0.05, manifest.Recipe!.Value.GetProperty("labelSmoothing").GetDouble());
        Assert.Equal([written.Package.Folder], Directory.GetDirectories(runs.Models)); // nothing half-written is left

        using EnsembleModel model = EnsembleModel.Load(written.Package, new() { Device = InferenceDevice.Cpu });
        ClassificationMetrics again = EnsembleAnswers.Compute(model, data, split.Val).Evaluate("again", data, "val").Ensemble;
        ClassificationMetrics stated = manifest.Metrics!.Value.Deserialize(LentigoJson.Default.EvaluationReport)!.Ensemble;
        Assert.Equal((stated.Accuracy, stated.MacroAuc, stated.LogLoss, split.Val.Count), (again.Accuracy, again.MacroAuc, again.LogLoss, again.Count));

        // One member alone is a package too, with the same logits and figures of its own.
        using TemporaryFolder alone = new();
        (ModelPackage cut, EvaluationReport figures) = MemberPackage.Write(written.Package, "mobilenet_v2", data, split, alone.Path, new() { Name = "alone" });
        Assert.Equal(["ensemble.onnx", "report.html", "report.json", "validation.json"], cut.Manifest.Files.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("mobilenet_v2", 1.0, "ours", "float16"),
            (Assert.Single(cut.Manifest.Members).Name, cut.Manifest.Members[0].Weight, cut.Manifest.Licence, cut.Manifest.Precision));
        Assert.True(new FileInfo(cut.OnnxPath).Length < 0.4 * new FileInfo(written.Package.OnnxPath).Length);
        Assert.Equal(["image"], OnnxInspection.Read(cut.OnnxPath).Inputs.Select(i => i.Name));
        Assert.Empty(OnnxChecker.Check(cut.OnnxPath));
        using (EnsembleModel small = EnsembleModel.Load(cut, new() { Device = InferenceDevice.Cpu }))
        using (EnsembleModel both = EnsembleModel.Load(written.Package, new() { Device = InferenceDevice.Cpu }))
        {
            byte[] pixels = data.PixelsOf(split.Val[0]);
            EnsembleOutput one = small.Classify(pixels, 1), two = both.Classify(pixels, 1);
            Assert.All(two.MemberLogits(0, 1).ToArray().Zip(one.Logits(0).ToArray()), p => Assert.Equal(p.First, p.Second, 1e-4));
            Assert.Equal(1, one.Features(0)!.Sum(f => (double)f * f), 1e-3);
            Assert.Equal(EnsembleOutput.Softmax(one.Logits(0), cut.Manifest.Temperature), [.. one.Probabilities(0)], (a, b) => Math.Abs(a - b) < 1e-4);
            Assert.InRange(one.Suitability(0)!.Value, 0, 1);
            Assert.False(small.CanExplain);
            Assert.Equal(figures.Ensemble.Accuracy, EnsembleAnswers.Compute(small, data, split.Val).Evaluate("again", data, "val").Ensemble.Accuracy);
        }

        Assert.Contains("no member vgg",
            Assert.Throws<TrainingException>(() => MemberPackage.Write(written.Package, "vgg", data, split, alone.Path, new() { Name = "x" })).Message,
            StringComparison.Ordinal);
        Assert.Contains("one member already",
            Assert.Throws<TrainingException>(() => MemberPackage.Write(cut, "mobilenet_v2", data, split, alone.Path, new() { Name = "x" })).Message,
            StringComparison.Ordinal);
        Assert.Contains("another split",
            Assert.Throws<TrainingException>(() =>
            MemberPackage.Write(written.Package, "resnet18", data, DataSetSplit.Make(data, SplitKind.Lesion, seed: 2), alone.Path,
            new() { Name = "x" })).Message, StringComparison.Ordinal);

        // The temperature was fitted: any other one gives these images a higher loss.
        EnsembleAnswers answers = EnsembleAnswers.Compute(model, data, split.Val);
        double Loss(double t) => answers.Logits.Zip(split.Val).Sum(p => -Math.Log(EnsembleOutput.Softmax(p.First, t)[data.Records[p.Second].Label]));
        Assert.True(Loss(manifest.Temperature) <= Loss(manifest.Temperature * 1.05) && Loss(manifest.Temperature) <= Loss(manifest.Temperature * 0.95));
    }

    [Fact]
    public void Evaluation_answers_as_serving_does()
    {
        using TemporaryFolder images = new(), run = new(), models = new();
        SyntheticLesions.WriteHam10000(images.Path, perClass: 6, size: 90);
        using LesionDataSet data = DataSets.Open(images.Path, 32, skipMissing: false, _ => { }, cancellationToken: TestContext.Current.CancellationToken);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Image, seed: 1);
        Train(run.Path, "mobilenet_v2", data, split, Recipe with { Epochs = 1 });
        using EnsembleModel model = EnsembleModel.Load(Write([run.Path], data, split, models.Path).Package, new() { Device = InferenceDevice.Cpu });
        EnsembleAnswers evaluated = EnsembleAnswers.Compute(model, data, [.. Enumerable.Range(0, data.Count)]);
        for (int i = 0; i < data.Count; i++)
        {
            byte[] file = File.ReadAllBytes(Directory.GetFiles(images.Path, data.Records[i].Id + ".jpg", SearchOption.AllDirectories).Single());
            Prediction served = model.Classify(file, "id", new(), new() { AnswerUnsuitable = true }); // drawn images are no dermoscopy images
            Assert.All(served.Probabilities, p => Assert.Equal(evaluated.Probabilities[i][LesionClasses.IndexOf(p.Code)], p.Probability, 1e-5));
        }
    }

    [Fact]
    public void The_report_shows_every_epoch_of_every_member()
    {
        using JsonDocument report = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(runs.Written.Package.Folder, "report.json")));
        foreach (string member in new[] { "resnet18", "mobilenet_v2" })
        {
            Assert.Equal([1, 2], report.RootElement.GetProperty("learningCurves").GetProperty(member).EnumerateArray()
                .Select(e => e.GetProperty("epoch").GetInt32()));
        }

        Assert.True(report.RootElement.GetProperty("trainingSeconds").GetDouble() > 0);
    }

    [Fact]
    public void Members_of_different_splits_or_sizes_are_refused()
    {
        using TemporaryFolder models = new();
        TrainingException refused = Assert.Throws<TrainingException>(() => Write([runs.First, runs.SecondFold], runs.Data, runs.Split, models.Path));
        Assert.Contains("mobilenet_v2 cannot be a member: it was trained on another split", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(models.Path));
    }

    [Fact]
    public void Members_of_all_folds_become_one_ensemble_that_is_measured_on_every_image_by_those_that_were_not_trained_on_it()
    {
        (LesionDataSet data, DataSetSplit[] splits) = (runs.Data, runs.Folds);
        using TemporaryFolder first = new(), third = new(), models = new();
        Train(first.Path, "mobilenet_v2", data, splits[0], Recipe with { Epochs = 1 });
        Train(third.Path, "resnet18", data, splits[1], Recipe with { Epochs = 1 });

        // The runs may stand in any order.
        WrittenPackage written = EnsemblePackage.Write(TrainedMember.LoadAll([runs.SecondFold, first.Path]), data, splits, models.Path,
            new() { Name = "folds" });

        ModelManifest manifest = written.Package.Manifest;
        Assert.Equal([("mobilenet_v2.fold1", 1), ("mobilenet_v2.fold2", 2)], manifest.Members.Select(m => (m.Name, m.Fold!.Value)));
        Assert.Equal((2, data.Count), (manifest.Data!.Folds, manifest.Data.ValCount));
        Assert.Equal(["mobilenet_v2"], written.Metrics.Members.Keys);
        using EnsembleModel model = EnsembleModel.Load(written.Package, new() { Device = InferenceDevice.Cpu });
        int hits = 0;
        for (int fold = 0; fold < 2; fold++)
        {
            foreach (int image in splits[fold].Val)
            {
                ReadOnlySpan<float> unseen = model.Classify(data.PixelsOf(image), 1).MemberLogits(0, fold); // members stand in the order of the folds
                hits += Likeliest(unseen) == data.Records[image].Label ? 1 : 0;
            }
        }

        Assert.Equal((data.Count, (double)hits / data.Count), (written.Metrics.Ensemble.Count, written.Metrics.Ensemble.Accuracy));
        Assert.Equal(written.Metrics.Ensemble.Accuracy, written.Metrics.Members["mobilenet_v2"].Accuracy);

        TrainingException refused = Assert.Throws<TrainingException>(() =>
            EnsemblePackage.Write(TrainedMember.LoadAll([first.Path, third.Path]), data, splits, models.Path, new() { Name = "folds" }));
        Assert.Contains("fold 1 has mobilenet_v2; fold 2 has resnet18", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_runs_of_one_network_are_told_apart_by_their_seeds()
    {
        using TemporaryFolder other = new();
        Train(other.Path, "resnet18", runs.Data, runs.Split, Recipe with { Epochs = 1, Seed = 7 });
        Assert.Equal(["resnet18@1", "resnet18@7"], TrainedMember.LoadAll([runs.First, other.Path]).Select(m => m.Name));
        TrainingException twice = Assert.Throws<TrainingException>(() => TrainedMember.LoadAll([other.Path, other.Path]));
        Assert.Contains("different seeds", twice.Message, StringComparison.Ordinal);
        Assert.Contains("holds no trained member", Assert.Throws<TrainingException>(() => TrainedMember.LoadAll([Path.GetTempPath()])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_that_lost_its_last_line_is_read_and_a_damaged_one_refused()
    {
        using TemporaryFolder folder = new();
        string line(int epoch) => JsonSerializer.Serialize(
            new EpochRecord("a", epoch, 1e-3, 1, new(1, 1, 1, 1, null), new Dictionary<string, ValidationRecord>(), true, 1, 1), TrainingJson.Options);
        File.WriteAllText(folder["log"], $"{line(1)}\n{line(2)}\n{line(2)}\n{line(3)[..40]}");
        Assert.Equal([1, 2], TrainedMember.ReadLog(folder["log"]).Select(e => e.Epoch));
        File.WriteAllText(folder["log"], $"{line(1)}\n{line(2)[..40]}\n{line(3)}\n");
        Assert.Contains("line 2", Assert.Throws<TrainingException>(() => TrainedMember.ReadLog(folder["log"])).Message, StringComparison.Ordinal);
    }

    private static void Train(string run, string member, LesionDataSet data, DataSetSplit split, TrainingRecipe recipe)
    {
        string checkpoints = Path.Combine(run, RunFiles.CheckpointFolder);
        Directory.CreateDirectory(checkpoints);
        using TrainingConsole console = new(Path.Combine(run, RunFiles.LogFileName), task: null);
        new Trainer(TrainingImages.Of(data, split, [], Assert.Fail), recipe, CPU, [.. Enumerable.Repeat(1.0 / LesionClasses.Count, LesionClasses.Count)])
            .Train(new(member, MemberRegistry.Find(member), recipe.Seed), weights: null, checkpoints, resume: false, console,
                TestContext.Current.CancellationToken);
    }

    private static WrittenPackage Write(IReadOnlyList<string> runs, LesionDataSet data, DataSetSplit split, string folder)
    {
        IReadOnlyList<TrainedMember> members = TrainedMember.LoadAll(runs);
        return EnsemblePackage.Write(members, data, [split], folder, new() { Name = "test", Precision = OnnxPrecision.Float16, Licence = "ours" });
    }

    private static int Likeliest(ReadOnlySpan<float> logits)
    {
        float[] values = logits.ToArray();
        return Array.IndexOf(values, values.Max());
    }

    /// <summary>Small trainings, and the package of two of them, which tests only read.</summary>
    public sealed class TrainedRuns : IDisposable
    {
        private readonly TemporaryFolder _folder = new();

        public TrainedRuns()
        {
            Data = SyntheticLesions.DataSet(perClass: 6, size: 32);
            Split = DataSetSplit.Make(Data, SplitKind.Lesion, seed: 1);
            Folds = [.. Enumerable.Range(0, 2).Select(fold => DataSetSplit.Make(Data, SplitKind.Lesion, seed: 1, folds: 2, fold))];
            Train(First, "resnet18", Data, Split, Recipe);
            Train(_folder["mobilenet"], "mobilenet_v2", Data, Split, Recipe);
            Train(SecondFold, "mobilenet_v2", Data, Folds[1], Recipe with { Epochs = 1 });
            Written = Write([First, _folder["mobilenet"]], Data, Split, Models);
        }

        /// <summary>What all were trained on.</summary>
        internal LesionDataSet Data { get; }

        internal DataSetSplit Split { get; }

        internal DataSetSplit[] Folds { get; }

        /// <summary>The run of resnet18 on <see cref="Split"/>.</summary>
        public string First => _folder["first"];

        /// <summary>The run of mobilenet_v2 on the second of <see cref="Folds"/>.</summary>
        public string SecondFold => _folder["second fold"];

        /// <summary>The folder of the package's versions.</summary>
        public string Models => _folder["models"];

        /// <summary>The package of resnet18 and mobilenet_v2, both trained on <see cref="Split"/>.</summary>
        internal WrittenPackage Written { get; }

        public void Dispose()
        {
            Data.Dispose();
            _folder.Dispose();
        }
    }
}
