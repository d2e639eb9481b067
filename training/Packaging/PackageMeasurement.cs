using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Reports;

namespace Lentigo.Training.Packaging;

/// <summary>Measures a package through the code that serves it.</summary>
internal static class PackageMeasurement
{
    /// <summary>The largest difference of a probability between two exports of one graph, whose kernels may take sums in another order.</summary>
    private const double ProbabilityTolerance = 1e-4;

    /// <summary>The share of validation images whose suitability is below the warning limit.</summary>
    private const double UnusualShare = 0.05;

    /// <summary>The share of validation images that would be refused.</summary>
    private const double UnsuitableShare = 0.005;

    /// <summary>Measures the package in a folder on its validation images and writes its validation answers, limits, operating points and report.</summary>
    /// <param name="folder">The package's folder; its graph is final.</param>
    /// <param name="manifest">The manifest, which is written anew with what was measured.</param>
    /// <param name="data">The data set.</param>
    /// <param name="splits">The split, or the folds of one cross-validation.</param>
    /// <param name="options">Whether images are embedded, and photographs for the robustness test.</param>
    /// <param name="complete">Adds to the report what the package does not hold, such as learning curves.</param>
    /// <param name="known">The answers to the validation images, where the graph has given them while it was fitted; null to compute them.</param>
    /// <exception cref="OnnxExportException">The graph does not give the known answers.</exception>
    public static EvaluationReport Write(
        string folder, ModelManifest manifest, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, PackageOptions options, Func<ReportInput, ModelManifest,
            EnsembleAnswers, ReportInput> complete, EnsembleAnswers? known = null)
    {
        int[] val = [.. splits.SelectMany(s => s.Val)];
        using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(folder), new() { Device = InferenceDevice.Cpu });
        EnsembleAnswers answers = known ?? EnsembleAnswers.Compute(model, data, val, folds: DataSetSplit.FoldsOf(splits));
        if (known is not null)
        {
            CheckGives(model, data, splits, known);
        }

        EvaluationReport metrics = answers.Evaluate($"{manifest.Name} {manifest.Version}", data, "val", manifest.Prior);
        int[] labels = [.. val.Select(i => data.Records[i].Label)];
        double? threshold = MelanomaThreshold(labels, answers.Probabilities);
        ValidationAnswers validation =
            ValidationAnswers.Of($"{data.Name}, {manifest.Data!.ValCount} validation images, split by {manifest.Data.Split}", labels,
            [.. val.Select(i => data.Records[i].LesionOrId)], answers.Probabilities);
        File.WriteAllBytes(Path.Combine(folder, ValidationAnswers.FileName),
            JsonSerializer.SerializeToUtf8Bytes(validation, LentigoJson.Default.ValidationAnswers));
        DecisionRule? rule = DecisionRule.Fit(validation, manifest.Prior!, manifest.Prior!, DecisionRequest.DefaultSensitivity,
            DecisionRequest.DefaultCoverage);
        manifest = manifest with
        {
            OperatingPoints = rule is null ? null : new(rule.Malignant, rule.Melanoma),
            Suitability = answers.Suitability is null ? null : SuitabilityOf(model, data, val, labels, answers.Suitability),
            Quality = QualityOf(data, val),
            Metrics = JsonSerializer.SerializeToElement(metrics, LentigoJson.Default.EvaluationReport),
            Thresholds = threshold is { } t ? new Dictionary<string,
                double> { [$"{LesionClasses.Codes[LesionClasses.Melanoma]}@specificity{ConfidenceIntervals.Specificity * 100:f0}"] = t } : null,
        };
        ReportInput report = EvaluationReportInput.Of(
            model, manifest, data, "val", answers, manifest.Prior, DecisionEvaluation.CrossFitted(manifest.Prior!, validation), options.EmbedImages) with
        {
            Robustness = options.Photographs.Count == 0 ? null : Robustness.Measure(model, options.Photographs),
        };
        Report.Write(folder, complete(report, manifest, answers));
        PackageFolder.WriteManifest(folder, manifest);
        return metrics;
    }

    /// <summary>Checks on some images that the finished graph gives the answers of the graph that was fitted.</summary>
    private static void CheckGives(EnsembleModel model, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, EnsembleAnswers known)
    {
        int[] some = [.. splits.SelectMany(s => s.Val.Take(ParityImages.Count))]; // of each fold, whose members differ
        int[] images = [.. known.Images], places = [.. some.Select(i => Array.IndexOf(images, i))];
        EnsembleAnswers given = EnsembleAnswers.Compute(model, data, some, folds: DataSetSplit.FoldsOf(splits));
        double probabilities = given.Probabilities.Zip(places, (row, at) => row.Zip(known.Probabilities[at], (p, q) => Math.Abs(p - q)).Max()).Max(),
            suitability = known.Suitability is null ? 0 : given.Suitability?.Zip(places, (score, at) => Math.Abs(score - known.Suitability[at])).Max() ?? double.NaN;
        if (!(probabilities <= ProbabilityTolerance && suitability <= OnnxSuitability.Tolerance))
        {
            throw new OnnxExportException($"The finished graph differs from the graph that was fitted: by {probabilities} in a probability and by {suitability} in "
                + "the suitability of an image. The package was not written; please report this.");
        }
    }

    /// <summary>Limits on the suitability score, from the validation images as they are and as sharper or softer sources would deliver them.</summary>
    private static ModelSuitability SuitabilityOf(EnsembleModel model, LesionDataSet data, int[] val, int[] labels, double[] scores)
    {
        double[] varied = EnsembleAnswers.Compute(model, data, val, (pixels, image) => SharpnessVariation.Of(pixels, data.Size, image)).Suitability!,
            all = [.. scores, .. varied];
        double[] weights = ImageFeatures.Weights([.. labels, .. labels]);
        return new(Quantiles.Weighted(all, weights, UnusualShare), Quantiles.Weighted(all, weights, UnsuitableShare));
    }

    /// <summary>The melanoma threshold at the reported specificity; null where no threshold finds a melanoma at that specificity, or there are none.</summary>
    private static double? MelanomaThreshold(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities) =>
        RocCurve.Compute([.. labels.Select(l => l == LesionClasses.Melanoma)], [.. probabilities.Select(p => p[LesionClasses.Melanoma])])
            ?.AtSpecificity(ConfidenceIntervals.Specificity) is { TruePositiveRate: > 0 } point ? point.Threshold : null;

    /// <summary>Limits on sharpness and brightness beyond which few validation images lie.</summary>
    private static ModelQuality QualityOf(LesionDataSet data, IReadOnlyList<int> images)
    {
        (double Sharpness, double Brightness)[] measured = [.. images.Select(i => ImageQuality.Measure(data.PixelsOf(i), data.Size))];
        double[] sharpness = [.. measured.Select(m => m.Sharpness).Order()], brightness = [.. measured.Select(m => m.Brightness).Order()];
        return new(data.Size, Quantiles.Of(sharpness, UnsuitableShare), Quantiles.Of(brightness, UnsuitableShare),
            Quantiles.Of(brightness, 1 - UnsuitableShare));
    }
}
