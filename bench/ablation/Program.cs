using System.CommandLine;
using System.Globalization;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Training;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Recipes;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

// What each choice of the recipe gains: short trainings of one member with the choice taken back, one after the other, with several seeds.
//   dotnet run --project bench/ablation -c Release -- --data ham10000 --weights weights --stratum 220
NativeTuning.Apply();
Option<string> dataPath = new("--data") { Required = true, Description = "The data set: a folder or a .npz." };
Option<string> weightsPath = new("--weights") { Required = true, Description = "The weights to start from: a file, or a folder with a file whose name starts with the member's." };
Option<string> memberName = new("--member") { Description = "The network.", DefaultValueFactory = _ => "mobilenet_v2" };
Option<int> epochCount = new("--epochs") { Description = "Epochs of each training.", DefaultValueFactory = _ => 8 };
Option<int[]> seedList = new("--seeds") { Description = "The seeds.", DefaultValueFactory = _ => [1, 2], AllowMultipleArgumentsPerToken = true };
Option<string> stratumName = new("--stratum") { Description = "Measure on the validation images of this resolution: all, or e.g. 220.", DefaultValueFactory = _ => "all" };
Option<int> foldCount = new("--folds") { Description = "Validate on the first of so many folds; fewer folds give more images to measure on.", DefaultValueFactory = _ => 3 };
Option<string[]> only = new("--only") { Description = "Only the variants whose names contain one of these texts; the recipe itself always comes first.", AllowMultipleArgumentsPerToken = true };
Option<int> threadCount = new("--threads") { Description = "CPU threads.", DefaultValueFactory = _ => Environment.ProcessorCount };
RootCommand root = new("What each choice of the training recipe gains.") { dataPath, weightsPath, memberName, epochCount, seedList, stratumName, foldCount, only, threadCount };
root.SetAction((arguments, cancellationToken) =>
{
    set_num_threads(arguments.GetValue(threadCount));
    Ablation ablation = new(
        arguments.GetValue(dataPath)!, arguments.GetValue(weightsPath)!, MemberRegistry.Find(arguments.GetValue(memberName)!), arguments.GetValue(epochCount),
        arguments.GetValue(seedList)!, arguments.GetValue(stratumName)!, arguments.GetValue(foldCount), arguments.GetValue(only)!);
    return Task.Run(() => ablation.Run(cancellationToken), cancellationToken);
});
return await root.Parse(args).InvokeAsync();

/// <summary>Trains the baseline and its variants and prints a table.</summary>
internal sealed class Ablation(string dataPath, string weightsPath, MemberArchitecture member, int epochs, IReadOnlyList<int> seeds, string stratum, int folds, string[] only)
{
    /// <summary>The figures of one answer to the validation images.</summary>
    private sealed record Figures(double Accuracy, double BalancedAccuracy, double MacroAuc);

    /// <summary>What a trained network answers: logits [n][7] averaged over four flips, those of the images as they are [n][7], and the labels [n].</summary>
    private sealed record Answers(float[][] Logits, float[][] OneView, int[] Labels);

    /// <summary>A choice taken back.</summary>
    private sealed record Variant(string Name, Func<TrainingRecipe, TrainingRecipe> Change, bool RandomStart = false);

    private readonly Dictionary<int, LesionDataSet> _data = [];

    private static readonly Variant[] Variants =
    [
        new("the recipe", r => r),
        new("start: random weights", r => r, RandomStart: true),
        new("learning rate: 1e-3", r => r with { LearningRate = 1e-3 }),
        new("schedule: constant rate", r => r with { Schedule = "constant" }),
        new("augmentation: flips alone", r => r with { Rotation = 0, Scale = 0, Brightness = 0, Contrast = 0, Saturation = 0, ColourShift = 0 }),
        new("augmentation: large color changes", r => r with { Brightness = 0.15, Contrast = 0.15, Saturation = 0.1, ColourShift = 0.05 }),
        new("augmentation: mixup 0.2 too", r => r with { Mixup = 0.2 }),
        new("averaging: moving average of weights", r => r with { Ema = 0.998 }),
        new("imbalance: classes as they come", r => r with { Balance = "none" }),
        new("resolution: no degrading", r => r with { Degrade = 0 }),
        new("label smoothing: none", r => r with { LabelSmoothing = 0 }),
        new("input size: 48 px", r => r with { Size = 48 }),
        new("input size: 96 px", r => r with { Size = 96 }),
    ];

    public void Run(CancellationToken cancellationToken)
    {
        bool strata = Data(TrainingRecipe.Strong.Size).Strata.Count > 1;
        TrainingRecipe baseline = TrainingRecipe.Strong with { Epochs = epochs, SelectOn = TrainingRecipe.KeepLast, Flips = "none", Balance = strata ? "stratum" : "none", Degrade = strata ? 0.5 : 0 };
        Console.WriteLine($"{member.Name}, {epochs} epochs, seeds {string.Join(", ", seeds)}, fold 1/{folds}, validation images: {stratum}. Mean over seeds +- standard deviation; what the recipe is above the variant.");
        Console.WriteLine($"{"variant",-36} {"accuracy",16} {"gain",7} {"balanced",16} {"gain",7} {"macro AUC",16} {"gain",7}");
        Figures[]? reference = null;
        foreach (Variant variant in Variants.Where((v, i) => i == 0 || only.Length == 0 || only.Any(text => v.Name.Contains(text, StringComparison.Ordinal))))
        {
            TrainingRecipe recipe = variant.Change(baseline);
            if (variant.Name != Variants[0].Name && recipe == baseline && !variant.RandomStart)
            {
                continue; // the data set has one resolution
            }

            Answers[] runs = [.. seeds.Select(seed => Train(recipe with { Seed = seed }, variant.RandomStart, cancellationToken))];
            Figures[] figures = [.. runs.Select(r => Measure(r.Logits, r.Labels))];
            Print(variant.Name, figures, reference ??= figures);
            if (ReferenceEquals(variant, Variants[0]))
            {
                Print("ensembling: the seeds together", [Measure([.. runs[0].Logits.Select((_, i) => EnsembleOutput.Mean([.. runs.Select(r => r.Logits[i])]))], runs[0].Labels)], reference);
                Print("views: one instead of four flips", [.. runs.Select(r => Measure(r.OneView, r.Labels))], reference);
            }
        }
    }

    private Answers Train(TrainingRecipe recipe, bool randomStart, CancellationToken cancellationToken)
    {
        LesionDataSet data = Data(recipe.Size);
        DataSetSplit split = DataSetSplit.Make(data, data.Records.Any(r => r.Subset == "val") ? SplitKind.Official : SplitKind.Lesion, seed: 1, folds);
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lentigo-ablation-");
        try
        {
            MemberSpec spec = new(member.Name, member, recipe.Seed);
            string? weights = randomStart ? null : StartWeights.Find(weightsPath, spec);
            new Trainer(TrainingImages.Of(data, split, [], Console.Error.WriteLine), recipe, CPU).Train(spec, weights, folder.FullName, resume: false, new Silence(), cancellationToken);
            (nn.Module<Tensor, Tensor> network, _) = Checkpoint.LoadBest(RunFiles.BestPath(folder.FullName, member.Name));
            using (network)
            {
                int[] images = [.. split.Val.Where(i => stratum == "all" || data.Records[i].Stratum == stratum)];
                float[][] Logits(string flips) => MemberLogits.Compute(network, new(data, member, CPU), images, flips, cancellationToken: cancellationToken);
                return new(Logits("all"), Logits("none"), [.. images.Select(i => data.Records[i].Label)]);
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private LesionDataSet Data(int size) =>
        _data.TryGetValue(size, out LesionDataSet? data) ? data : _data[size] = DataSets.Open(dataPath, size, skipMissing: false, Console.Error.WriteLine, new(PixelCache.UserFolder));

    private static Figures Measure(float[][] logits, int[] labels)
    {
        ClassificationMetrics m = ClassificationMetrics.Compute(labels, [.. logits.Select(row => EnsembleOutput.Softmax(row, 1))]);
        return new(m.Accuracy, m.BalancedAccuracy, m.MacroAuc ?? double.NaN);
    }

    private static void Print(string name, IReadOnlyList<Figures> runs, IReadOnlyList<Figures> reference)
    {
        string Cell(Func<Figures, double> of)
        {
            double mean = runs.Average(of), deviation = runs.Count < 2 ? double.NaN : Math.Sqrt(runs.Sum(r => Math.Pow(of(r) - mean, 2)) / (runs.Count - 1));
            return string.Create(CultureInfo.InvariantCulture, $"{mean,7:f4} +- {(double.IsNaN(deviation) ? "-" : deviation.ToString("f4", CultureInfo.InvariantCulture)),5} {reference.Average(of) - mean,7:+0.0000;-0.0000;0}");
        }

        Console.WriteLine($"{name,-36} {Cell(f => f.Accuracy)} {Cell(f => f.BalancedAccuracy)} {Cell(f => f.MacroAuc)}");
    }

    /// <summary>Hears nothing: the table is what is asked for.</summary>
    private sealed class Silence : ITrainingListener
    {
        public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch)
        {
        }

        public void OnProgress(TrainingProgress progress)
        {
        }

        public void OnEpoch(EpochRecord epoch)
        {
        }
    }
}
