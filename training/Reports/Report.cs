using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Storage;

namespace Lentigo.Training.Reports;

/// <summary>Evaluates predictions and writes the report: <c>report.json</c> for programs, <c>report.html</c>, with the model card, for people.</summary>
internal static class Report
{
    /// <summary>The page's file name in a package.</summary>
    public const string HtmlFileName = "report.html";

    /// <summary>The document's file name in a package.</summary>
    public const string JsonFileName = "report.json";

    /// <summary>The number of images with the largest errors to list.</summary>
    private const int MostWrong = 12;

    /// <summary>The group of images without the attribute.</summary>
    private const string NotKnown = "not known";

    /// <summary>Writes both files, replacing an existing report atomically.</summary>
    /// <param name="folder">The package's folder; created where it does not exist.</param>
    /// <param name="input">What to report.</param>
    /// <returns>The figures, as written to <c>report.json</c>.</returns>
    /// <exception cref="ArgumentException">There are no images, or the input's lists differ in length.</exception>
    public static ReportDocument Write(string folder, ReportInput input)
    {
        ReportDocument document = Measure(input);
        string html = ReportPage.Render(input, document);
        Directory.CreateDirectory(folder);
        AtomicFile.Write(Path.Combine(folder, JsonFileName), JsonSerializer.Serialize(document, ReportJson.Default.ReportDocument));
        AtomicFile.Write(Path.Combine(folder, HtmlFileName), html);
        return document;
    }

    /// <summary>The figures of a package's report; null where it has none that this version can read.</summary>
    public static ReportDocument? ReadOrNull(string folder)
    {
        string path = Path.Combine(folder, JsonFileName);
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), ReportJson.Default.ReportDocument) : null;
        }
        catch (JsonException)
        {
            return null; // written by a version with other figures
        }
    }

    /// <summary>The figures alone.</summary>
    /// <param name="input">What to report.</param>
    /// <exception cref="ArgumentException">There are no images, or the input's lists differ in length.</exception>
    public static ReportDocument Measure(ReportInput input)
    {
        Check(input);
        return new()
        {
            Model = input.Model,
            Version = input.Version,
            Created = input.Created,
            Data = input.Data,
            Subset = input.Subset,
            Ensemble = Figures(input, input.Probabilities),
            Members = input.Members.ToDictionary(m => m.Name, m => Figures(input, m.Probabilities)),
            Prior = input.Prior,
            Uniform = Uniform(input),
            LearningCurves = input.Members.Where(m => m.LearningCurve.Count > 0).ToDictionary(m => m.Name, m => m.LearningCurve),
            Reliability = Reliability.Compute(input.Labels, input.Probabilities),
            Calibration = input.Calibration.Count == 0 ? null : input.Calibration,
            Decisions = input.Decisions,
            Subgroups = Subgroups(input),
            AveragePrecision = AveragePrecision(input),
            Strata = Strata(input),
            Degradation = Degradation(input),
            Robustness = input.Robustness,
            MostWrong = FindMostWrong(input),
            TrainingData = input.TrainingData,
            Recipe = input.Recipe,
            Inference = input.Inference,
            TrainingSeconds = input.TrainingTime?.TotalSeconds,
            Hardware = input.Hardware,
            Licence = input.Licence,
        };
    }

    private static void Check(ReportInput input)
    {
        int n = input.Labels.Count;
        Same(input.Probabilities.Count, "the ensemble's probabilities");
        foreach (ReportMember member in input.Members)
        {
            Same(member.Probabilities.Count, $"the probabilities of {member.Name}");
        }

        Same(input.ImageIds?.Count ?? n, "image ids");
        Same(input.Strata?.Count ?? n, "strata");
        Same(input.Lesions?.Count ?? n, "lesions");
        foreach ((string by, IReadOnlyList<string?> groups) in input.Groupings)
        {
            Same(groups.Count, $"groups by {by}");
        }

        long pixels = (long)n * input.InputSize * input.InputSize * 3;
        if (!input.Pixels.IsEmpty && input.Pixels.Length != pixels)
        {
            throw new ArgumentException($"{n} images of {input.InputSize} px have {pixels} values, not {input.Pixels.Length}.", nameof(input));
        }

        if (input.Degradation is { } degradation && (degradation.Images.Count == 0 || degradation.Images.Count != degradation.Probabilities.Count))
        {
            throw new ArgumentException(
                $"The degradation check has {degradation.Images.Count} images, but {degradation.Probabilities.Count} rows of probabilities.", nameof(input));
        }

        void Same(int count, string what)
        {
            if (count != n)
            {
                throw new ArgumentException($"The report has {n} labels, but {count} of {what}.", nameof(input));
            }
        }
    }

    private static ReportFigures Figures(ReportInput input, IReadOnlyList<double[]> probabilities) =>
        new(ClassificationMetrics.Compute(input.Labels, probabilities),
            ConfidenceIntervals.Compute(input.Labels, probabilities, input.Resamples, input.Seed, input.Lesions));

    /// <summary>The ensemble's figures on a subset of the images.</summary>
    private static ReportFigures Figures(ReportInput input, IReadOnlyList<int> images)
    {
        int[] labels = [.. images.Select(i => input.Labels[i])];
        double[][] probabilities = [.. images.Select(i => input.Probabilities[i])];
        string[]? lesions = input.Lesions is null ? null : [.. images.Select(i => input.Lesions[i])];
        return new(ClassificationMetrics.Compute(labels, probabilities),
            ConfidenceIntervals.Compute(labels, probabilities, input.Resamples, input.Seed, lesions));
    }

    private static UniformFigures? Uniform(ReportInput input)
    {
        if (input.Prior is not { } prior)
        {
            return null;
        }

        ReportFigures Of(IEnumerable<double[]> rows) => Figures(input, [.. rows.Select(row => ClassPrior.Reweigh(row, prior, ClassPrior.UniformShares))]);
        return new(Of(input.Probabilities), input.Members.ToDictionary(m => m.Name, m => Of(m.Probabilities)));
    }

    private static Dictionary<string, double> AveragePrecision(ReportInput input)
    {
        Dictionary<string, double> precisions = [];
        for (int c = 0; c < LesionClasses.Count; c++)
        {
            if (PrecisionRecallCurve.Compute([.. input.Labels.Select(l => l == c)], [.. input.Probabilities.Select(p => p[c])]) is { } curve)
            {
                precisions.Add(LesionClasses.All[c].Code, curve.AveragePrecision);
            }
        }

        return precisions;
    }

    private static Dictionary<string, ReportFigures>? Strata(ReportInput input)
    {
        string[] strata = [.. input.Strata?.Distinct().Order(StringComparer.Ordinal) ?? Enumerable.Empty<string>()];
        return strata.Length < 2 ? null
            : strata.ToDictionary(s => s, s => Figures(input, [.. Enumerable.Range(0, input.Labels.Count).Where(i => input.Strata![i] == s)]));
    }

    /// <summary>The groups of every grouping with at least two known groups, the largest first.</summary>
    private static List<SubgroupFigures>? Subgroups(ReportInput input)
    {
        List<SubgroupFigures> figures = [];
        foreach ((string by, IReadOnlyList<string?> groups) in input.Groupings)
        {
            IGrouping<string, int>[] byGroup =
                [.. Enumerable.Range(0, groups.Count).GroupBy(i => groups[i] ?? NotKnown).OrderBy(g => g.Key == NotKnown).ThenByDescending(g => g.Count())];
            if (byGroup.Count(g => g.Key != NotKnown) > 1)
            {
                figures.AddRange(byGroup.Select(g =>
                {
                    int[] images = [.. g];
                    ConfidenceIntervals intervals = Figures(input, images).Intervals;
                    int lesions = input.Lesions is null ? images.Length : images.Select(i => input.Lesions[i]).Distinct().Count();
                    return new SubgroupFigures(by, g.Key, images.Length, lesions, intervals.Accuracy, intervals.BalancedAccuracy, intervals.MalignantAuc,
                        intervals.MelanomaSensitivity);
                }));
            }
        }

        return figures.Count == 0 ? null : figures;
    }

    private static DegradationFigures? Degradation(ReportInput input)
    {
        if (input.Degradation is not { } degradation)
        {
            return null;
        }

        int[] labels = [.. degradation.Images.Select(i => input.Labels[i])];
        double[][] sharp = [.. degradation.Images.Select(i => input.Probabilities[i])], degraded = [.. degradation.Probabilities];
        return new(
            degradation.Description,
            labels.Length,
            ClassificationMetrics.Compute(labels, sharp).Accuracy,
            ClassificationMetrics.Compute(labels, degraded).Accuracy,
            sharp.Zip(degraded).Average(p => Top(p.First) == Top(p.Second) ? 1.0 : 0.0),
            sharp.Zip(degraded).Average(p => p.First.Zip(p.Second).Sum(q => Math.Abs(q.First - q.Second)) / 2),
            Enumerable.Range(0, LesionClasses.Count).ToDictionary(
                c => LesionClasses.All[c].Code, c => new ProbabilityShift(sharp.Average(p => p[c]), degraded.Average(p => p[c]))));
    }

    private static List<WrongImage> FindMostWrong(ReportInput input) =>
        [.. Enumerable.Range(0, input.Labels.Count)
            .Where(i => Top(input.Probabilities[i]) != input.Labels[i])
            .OrderBy(i => input.Probabilities[i][input.Labels[i]])
            .Take(MostWrong)
            .Select(i => new WrongImage(
                input.ImageIds?[i] ?? $"image {i + 1}", i,
                LesionClasses.All[input.Labels[i]].Code, input.Probabilities[i][input.Labels[i]],
                LesionClasses.All[Top(input.Probabilities[i])].Code, input.Probabilities[i].Max(),
                input.Strata?[i]))];

    private static int Top(double[] probabilities) => Array.IndexOf(probabilities, probabilities.Max());
}
