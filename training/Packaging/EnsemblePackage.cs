using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Recipes;
using Lentigo.Training.Reports;
using Lentigo.Training.Trainers;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Packaging;

/// <summary>Makes a model package of trained members: one calibrated and checked ONNX graph with its report and manifest.</summary>
internal static class EnsemblePackage
{
    private const int CalibrationImages = 256;

    /// <summary>
    /// Exports the ensemble, fits its temperature on the validation logits, compares ONNX Runtime with TorchSharp on random and real images, evaluates it
    /// through the code that serves, and writes <c>{folder}/{version}/</c> atomically, then the pointer <c>{folder}/current.json</c>.
    /// </summary>
    /// <param name="members">The members, trained on one data set at one input size.</param>
    /// <param name="data">That data set.</param>
    /// <param name="splits">
    /// The split that all members were trained on, or all folds of a cross-validation: then the package is evaluated on out-of-fold predictions of every
    /// image.
    /// </param>
    /// <param name="folder">The folder of the model's versions.</param>
    /// <param name="options">Name, precision, license.</param>
    /// <exception cref="TrainingException">The members do not form an ensemble, or were trained on another data set or split.</exception>
    /// <exception cref="OnnxExportException">ONNX Runtime and TorchSharp disagree.</exception>
    public static WrittenPackage Write(IReadOnlyList<TrainedMember> members, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, string folder,
        PackageOptions options)
    {
        members = TrainedMember.Together(members, data, splits);
        int[] val = [.. splits.SelectMany(s => s.Val)];
        using DisposeScope scope = NewDisposeScope();
        DateTimeOffset now = DateTimeOffset.UtcNow;
        string version = PackageFolder.VersionOf(now);
        OnnxEnsembleMember[] exported =
            [.. members.Select(m => new OnnxEnsembleMember(m.Name, m.Network, m.Architecture.Mean, m.Architecture.Std, 1.0 / members.Count))];
        TrainingRecipe recipe = members[0].State.Recipe;
        bool isStaged = members.All(m => m.Network is IOnnxStagedNetwork);
        OnnxEnsembleOptions graph = new()
        {
            Features = isStaged,
            Explanation = isStaged,
            InputSize = recipe.Size,
            Classes = LesionClasses.Count,
            Flips = recipe.Flips,
            Precision = options.Precision,
            CalibrationImages = options.Precision == OnnxPrecision.Int8 ? ParityImages.Sample(data, splits[0].Train, CalibrationImages) : null,
            DocString = PackageFolder.DocStringOf(options.Name, version, members.Select(m => m.Name)),
            Metadata = PackageFolder.MetadataOf(options.Name, version, members.Select(m => m.Name)),
        };
        OnnxVerification? parity = null;
        (ModelPackage package, EvaluationReport metrics) =
            GraphPackage.Write(Manifest(members, data, splits, options, version, now), data, splits, folder, options, new(
            isStaged,
            isStaged,
            (onnx, temperature, suitability) =>
                OnnxEnsemble.Export(exported, onnx, graph = graph with { Temperature = temperature, Suitability = suitability }),
            onnx => parity = OnnxEnsemble.Verify(exported, onnx, graph, ParityImages.Batch(data, val)),
            (report, manifest, answers) => report with { Members = WithCurves(members, manifest, answers), TrainingTime = TimeOf(members) }));
        return new(package, parity!, metrics);
    }

    private static ModelManifest Manifest(IReadOnlyList<TrainedMember> members, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, PackageOptions options,
        string version, DateTimeOffset now) => new()
    {
        Name = options.Name,
        Version = version,
        Created = now,
        Classes = LesionClasses.Codes,
        Members = [.. members.Select(m => new ModelMember(m.Name, m.Architecture.Name, m.Architecture.Parameters, 1.0 / members.Count, m.Fold))],
        Input = new(members[0].State.Recipe.Size),
        Flips = members[0].State.Recipe.Flips,
        Precision = options.Precision.ToString().ToLowerInvariant(),
        Files = new Dictionary<string, string>(),
        Data = new(
            data.Name, data.Fingerprint, splits[0].KindName, DataSetSplit.FingerprintOf(splits), splits.SelectMany(s => s.Train).Distinct().Count(),
                splits.Sum(s => s.Val.Count), splits.Count)
        {
            Sources = SourcesOf(members),
        },
        Prior = TrainedMember.PriorOf(members, data),
        Recipe = RecipeOf(members),
        Licence = options.Licence,
    };

    /// <summary>The recipe that all members share up to the seed, or otherwise the recipe of each member by name.</summary>
    private static JsonElement RecipeOf(IReadOnlyList<TrainedMember> members) =>
        members.Select(m => m.State.Recipe with { Seed = 0 }).Distinct().Count() == 1
            ? JsonSerializer.SerializeToElement(members[0].State.Recipe, TrainingJson.Options)
            : JsonSerializer.SerializeToElement(members.ToDictionary(m => m.Name, m => m.State.Recipe), TrainingJson.Options);

    /// <summary>The distinct data sources of all members. The number of images left out of a source differs between folds; the largest is reported.</summary>
    private static IReadOnlyList<ModelSource>? SourcesOf(IReadOnlyList<TrainedMember> members)
    {
        ModelSource[] sources = [.. members.SelectMany(m => m.State.Sources ?? []).GroupBy(s => s with { LeftOut = 0 }).Select(g => g.MaxBy(s => s.LeftOut)!)];
        return sources.Length == 0 ? null : sources;
    }

    /// <summary>The members of the report with their learning curves, averaged over folds.</summary>
    private static List<ReportMember> WithCurves(IReadOnlyList<TrainedMember> members, ModelManifest manifest, EnsembleAnswers answers) =>
        [.. EvaluationReportInput.Members(manifest, answers).Select(m => m with
        {
            LearningCurve = [.. members.Where(t => TrainedMember.NameInFold(t.Name, t.Fold) == m.Name)
                .SelectMany(t => t.Epochs).GroupBy(e => e.Epoch)
                .Select(g => new LearningCurvePoint(g.Key, g.Average(e => e.TrainLoss), g.Average(e => e.Val.Loss), g.Average(e => e.Val.Accuracy),
                    g.First().LearningRate))],
        })];

    private static TimeSpan? TimeOf(IReadOnlyList<TrainedMember> members) =>
        members.Any(m => m.Epochs.Count == 0) ? null : TimeSpan.FromSeconds(members.Sum(m => m.Epochs.Sum(e => e.Seconds)));
}
