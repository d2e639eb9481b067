using System.Globalization;
using Lentigo.Core.Decisions;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Trainers;

namespace Lentigo.Training.Reports;

/// <summary>Collects the input of a report from a package and its predictions on a data set.</summary>
internal static class EvaluationReportInput
{
    /// <summary>The side to which sharp images are downscaled in the degradation test: that of DermaMNIST.</summary>
    private const int DegradedSize = 28;

    /// <summary>The report of a package on labeled images.</summary>
    /// <param name="model">The loaded package, which classifies degraded copies.</param>
    /// <param name="manifest">The package's manifest.</param>
    /// <param name="data">The data set.</param>
    /// <param name="subset"><c>train</c>, <c>val</c>, <c>test</c> or <c>all</c>.</param>
    /// <param name="answers">The predictions on the subset.</param>
    /// <param name="prior">[7]: the class prior of the predictions; null where it is unknown.</param>
    /// <param name="decisions">What the decision rule recommends on the subset; null where there is none.</param>
    /// <param name="embedImages">Whether the images with the largest errors are embedded.</param>
    public static ReportInput Of(
        EnsembleModel model, ModelManifest manifest, LesionDataSet data, string subset, EnsembleAnswers answers, IReadOnlyList<double>? prior,
            DecisionEvaluation? decisions, bool embedImages)
    {
        LesionRecord[] records = [.. answers.Images.Select(i => data.Records[i])];
        int[] labels = [.. records.Select(r => r.Label)];
        string[] lesions = [.. records.Select(r => r.LesionOrId)];
        return new()
        {
            Model = manifest.Name,
            Version = manifest.Version,
            Created = DateTimeOffset.UtcNow,
            Data = data.Name,
            Subset = subset,
            Labels = labels,
            Lesions = lesions,
            Groupings = GroupingsOf(records),
            Calibration = Calibration.Compare(answers, labels, lesions),
            Decisions = decisions,
            Probabilities = answers.Probabilities,
            Members = Members(manifest, answers),
            ImageIds = [.. records.Select(r => r.Id)],
            Strata = [.. records.Select(r => $"{r.Stratum} px")],
            Pixels = embedImages ? answers.Images.SelectMany(data.PixelsOf).ToArray() : ReadOnlyMemory<byte>.Empty,
            InputSize = manifest.Input.Size,
            Degradation = Degradation(model, data, answers, prior),
            Prior = prior,
            TrainingData = manifest.Data,
            Recipe = manifest.Recipe,
            Inference = new Dictionary<string, string>
            {
                ["flips"] = manifest.Flips,
                ["temperature"] = manifest.Temperature.ToString(CultureInfo.InvariantCulture),
                ["precision"] = manifest.Precision,
            },
            Licence = manifest.Licence,
        };
    }

    private static Dictionary<string, IReadOnlyList<string?>> GroupingsOf(IReadOnlyList<LesionRecord> records)
    {
        IReadOnlyList<string?> By(Func<LesionRecord, string?> group) => [.. records.Select(group)];
        return new()
        {
            ["age"] = By(r => r.Attributes?.AgeGroup),
            ["sex"] = By(r => r.Attributes?.Sex),
            ["site"] = By(r => r.Attributes?.Site),
            ["confirmation"] = By(r => r.Attributes?.Confirmation),
            ["data set"] = By(r => r.Source),
        };
    }

    /// <summary>The members with their predictions; members of the same name in several folds are pooled.</summary>
    public static IReadOnlyList<ReportMember> Members(ModelManifest manifest, EnsembleAnswers answers)
    {
        return [.. manifest.Members
            .GroupBy(m => answers.Folds is null ? m.Name : TrainedMember.NameInFold(m.Name, m.Fold))
            .Select(g => new ReportMember(g.Key, g.First().Architecture, g.First().Parameters, g.Sum(m => m.Weight), answers.Members[g.Key]))];
    }

    /// <summary>The predictions on the sharpest images, downscaled and enlarged again; null where all images are small.</summary>
    private static ReportDegradation? Degradation(EnsembleModel model, LesionDataSet data, EnsembleAnswers answers, IReadOnlyList<double>? prior)
    {
        int[] sharp = [.. Enumerable.Range(0, answers.Images.Count).Where(i => ShorterSide(data.Records[answers.Images[i]].Stratum) >= 2 * DegradedSize)];
        if (sharp.Length == 0 || data.Size <= DegradedSize)
        {
            return null;
        }

        EnsembleAnswers degraded = EnsembleAnswers.Compute(
            model, data, [.. sharp.Select(i => answers.Images[i])],
            (pixels, _) => LesionImage.Resize(LesionImage.Resize(pixels, data.Size, data.Size, DegradedSize), DegradedSize, DegradedSize, data.Size),
                answers.Folds);
        degraded = prior is null || model.Manifest.Prior is not { } natural ? degraded : degraded.Reweighed(natural, prior);
        string strata = string.Join(", ", sharp.Select(i => data.Records[answers.Images[i]].Stratum).Distinct().Order(StringComparer.Ordinal));
        return new($"images of {strata} px reduced to {DegradedSize} px and enlarged again", sharp, degraded.Probabilities);
    }

    private static int ShorterSide(string stratum) => stratum.Split('x').Min(side => int.Parse(side, CultureInfo.InvariantCulture));
}
