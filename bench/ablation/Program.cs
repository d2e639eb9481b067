using System.CommandLine;
using System.Globalization;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Training;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
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
Option<int> threadCount = new("--threads") { Description = "CPU threads.", DefaultValueFactory = _ => Environment.ProcessorCount };
RootCommand root = new("What each choice of the training recipe gains.") { dataPath, weightsPath, memberName, epochCount, seedList, stratumName, threadCount };
root.SetAction((arguments, cancellationToken) =>
{
    set_num_threads(arguments.GetValue(threadCount));
    Ablation ablation = new(
        arguments.GetValue(dataPath)!, arguments.GetValue(weightsPath)!, MemberRegistry.Find(arguments.GetValue(memberName)!), arguments.GetValue(epochCount),
        arguments.GetValue(seedList)!, arguments.GetValue(stratumName)!);
    return Task.Run(() => ablation.Run(cancellationToken), cancellationToken);
});
return await root.Parse(args).InvokeAsync();

/// <summary>Trains the baseline and its variants and prints a table.</summary>
internal sealed class Ablation(string dataPath, string weightsPath, MemberArchitecture member, int epochs, IReadOnlyList<int> seeds, string stratum)
{
    /// <summary>The figures of one answer to the validation images.</summary>
    private sealed record Figures(double Accuracy, double BalancedAccuracy, double MacroAuc);

    /// <summary>A choice taken back.</summary>
    private sealed record Variant(string Name, Func<TrainingRecipe, TrainingRecipe> Change, bool RandomStart = false);

    private readonly Dictionary<int, LesionDataSet> _data = [];

    private static readonly Variant[] Variants =
    [
        new("the recipe", r => r),
        new("random start weights", r => r, RandomStart: true),
        new("augmentation: flips alone", r => r with { Rotation = 0, Scale = 0, Brightness = 0, Contrast = 0, Saturation = 0, ColourShift = 0 }),
        new("schedule: constant rate of 3e-4", r => r with { Schedule = "constant", LearningRate = 3e-4 }),
        new("imbalance: classes as they come", r => r with { Balance = "none" }),
        new("resolution: no degrading", r => r with { Degrade = 0 }),
        new("label smoothing: none", r => r with { LabelSmoothing = 0 }),
        new("mixup: 0.2", r => r with { Mixup = 0.2 }),
        new("input size: 48 px", r => r with { Size = 48 }),
        new("input size: 96 px", r => r with { Size = 96 }),
        new("one view instead of four flips", r => r with { Flips = "none" }),
    ];

    public void Run(CancellationToken cancellationToken)
    {
        bool strata = Data(TrainingRecipe.Strong.Size).Strata.Count > 1;
        TrainingRecipe baseline = TrainingRecipe.Strong with { Epochs = epochs, SelectOn = stratum, Balance = strata ? "stratum" : "none", Degrade = strata ? 0.5 : 0 };
        Console.WriteLine($"{member.Name}, {epochs} epochs, seeds {string.Join(", ", seeds)}, validation images: {stratum}. Mean over seeds +- standard deviation, gain of having the choice.");
        Console.WriteLine($"{"variant",-36} {"accuracy",16} {"gain",7} {"balanced",16} {"gain",7} {"macro AUC",16} {"gain",7}");
        Figures[]? reference = null;
        foreach (Variant variant in Variants)
        {
            TrainingRecipe recipe = variant.Change(baseline);
            if (variant.Name != Variants[0].Name && recipe == baseline && !variant.RandomStart)
            {
                continue; // the data set has one resolution
            }

            List<Figures> runs = [];
            List<float[]>? sum = null;
            int[] labels = [];
            foreach (int seed in seeds)
            {
                (float[][] logits, labels) = Train(recipe with { Seed = seed }, variant.RandomStart, cancellationToken);
                runs.Add(Measure(logits, labels));
                sum = sum is null ? [.. logits] : [.. sum.Zip(logits, (a, b) => a.Zip(b, (x, y) => x + y).ToArray())];
            }

            reference ??= [.. runs];
            Print(variant.Name, runs, reference);
            if (ReferenceEquals(variant, Variants[0]))
            {
                Print($"ensemble of the {seeds.Count} seeds", [Measure([.. sum!.Select(row => row.Select(z => z / seeds.Count).ToArray())], labels)], reference);
            }
        }
    }

    private (float[][] Logits, int[] Labels) Train(TrainingRecipe recipe, bool randomStart, CancellationToken cancellationToken)
    {
        LesionDataSet data = Data(recipe.Size);
        DataSetSplit split = DataSetSplit.Make(data, data.Records.Any(r => r.Subset == "val") ? SplitKind.Official : SplitKind.Lesion, seed: 1);
        double[] prior = [.. data.ClassCounts(Enumerable.Range(0, data.Count)).Select(c => (double)c / data.Count)];
        DirectoryInfo folder = Directory.CreateTempSubdirectory("lentigo-ablation-");
        try
        {
            MemberSpec spec = new(member.Name, member, recipe.Seed);
            string? weights = randomStart ? null : StartWeights.Find(weightsPath, spec);
            new Trainer(data, split, recipe, CPU, prior).Train(spec, weights, folder.FullName, resume: false, new Silence(), cancellationToken);
            (nn.Module<Tensor, Tensor> network, _) = Trainer.LoadBest(Trainer.BestPath(folder.FullName, member.Name));
            using (network)
            {
                int[] images = [.. split.Val.Where(i => stratum == "all" || data.Records[i].Stratum == stratum)];
                return (Trainer.Logits(network, new(data, member, CPU), images, recipe.Flips, cancellationToken: cancellationToken), [.. images.Select(i => data.Records[i].Label)]);
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
