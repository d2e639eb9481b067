using System.Text.Json;
using System.Text.RegularExpressions;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Training.Reports;

namespace Lentigo.Training.Tests.Reports;

public sealed partial class ReportTests : IDisposable
{
    private const int Size = 16;
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"lentigo-report-{Guid.NewGuid():n}");

    public void Dispose()
    {
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void Every_figure_stands_under_the_models_own_prior_and_for_equally_frequent_classes()
    {
        double[] prior = [0.05, 0.05, 0.1, 0.02, 0.1, 0.65, 0.03];
        ReportInput input = Generated() with { Prior = prior };
        ReportDocument document = Report.Write(_folder, input);
        ClassificationMetrics expected =
            ClassificationMetrics.Compute(input.Labels, [.. input.Probabilities.Select(p => ClassPrior.Reweigh(p, prior, ClassPrior.UniformShares))]);
        Assert.Equal((expected.Accuracy, expected.BalancedAccuracy, expected.MacroAuc),
            (document.Uniform!.Ensemble.Metrics.Accuracy, document.Uniform.Ensemble.Metrics.BalancedAccuracy, document.Uniform.Ensemble.Metrics.MacroAuc));
        Assert.NotEqual(expected.LogLoss, document.Ensemble.Metrics.LogLoss);
        Assert.Equal(input.Members.Select(m => m.Name), document.Uniform.Members.Keys);
        Assert.Contains("ensemble, uniform prior", Html(), StringComparison.Ordinal);
        Assert.Contains("nv 65.0 %", Html(), StringComparison.Ordinal);

        // A package that does not say its prior has the figures as they are.
        Assert.Null(Report.Write(_folder, Generated()).Uniform);
        Assert.DoesNotContain("ensemble, uniform prior", Html(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_report_has_every_section_and_its_figures()
    {
        ReportDocument document = Report.Write(_folder, Grouped());
        string html = Html();
        foreach (string section in new[] { "use", "comparison", "learning", "classes", "curves", "calibration", "decisions", "subgroups", "strata",
            "degradation", "wrong", "provenance" })
        {
            Assert.Contains($"<section id=\"{section}\">", html, StringComparison.Ordinal);
        }

        foreach (string figure in new[] { "comparison", "accuracy", "loss", "roc", "pr", "reliability" })
        {
            Assert.Matches($"id=\"figure-{figure}\">\\s*<svg [^>]*role=\"img\" aria-label=\"[^\"]{{20,}}\"", html);
        }

        Assert.Contains("Decision support, not a diagnosis.", html, StringComparison.Ordinal);
        Assert.Contains("77.82 %", html, StringComparison.Ordinal);
        Assert.Contains("sha-of-split", html, StringComparison.Ordinal);
        Assert.Contains("augmentation.rotation", html, StringComparison.Ordinal);
        Assert.Contains("1 h 2 min", html, StringComparison.Ordinal);
        Assert.Contains("CC BY-NC 4.0", html, StringComparison.Ordinal);
        Assert.Contains(document.Ensemble.Metrics.Accuracy.ToString("P1", System.Globalization.CultureInfo.InvariantCulture), html, StringComparison.Ordinal);
        Assert.Equal(12, document.MostWrong.Count);
        Assert.Equal(12, html.Split("src=\"data:image/png;base64,iVBOR").Length - 1);
    }

    [Fact]
    public void Groups_of_patients_have_figures_of_their_own_with_intervals_by_lesion()
    {
        ReportInput input = Grouped();
        ReportDocument document = Report.Measure(input);
        // one data set is no group
        Assert.Equal([("sex", "male", 120), ("sex", "female", 120), ("sex", "not known", 60)], document.Subgroups!.Select(g => (g.By, g.Group, g.Images)));
        SubgroupFigures female = document.Subgroups![1];
        int[] images = [.. Enumerable.Range(0, 300).Where(i => i % 5 != 0 && i % 2 == 0)];
        ConfidenceIntervals expected =
            ConfidenceIntervals.Compute([.. images.Select(i => input.Labels[i])], [.. images.Select(i => input.Probabilities[i])], input.Resamples,
            groups: [.. images.Select(i => input.Lesions![i])]);
        Assert.Equal((expected.Accuracy, expected.MalignantAuc, 120), (female.Accuracy, female.MalignantAuc, female.Lesions));
        Assert.Equal(
            ConfidenceIntervals.Compute(input.Labels, input.Probabilities, input.Resamples, groups: input.Lesions), document.Ensemble.Intervals);
        Assert.Null(Report.Measure(input with { Groupings = new Dictionary<string, IReadOnlyList<string?>>() }).Subgroups);
    }

    [Fact]
    public void The_page_asks_nothing_of_the_network_and_forbids_itself_to()
    {
        Report.Write(_folder, Generated());
        string html = Html();
        Assert.Contains("default-src 'none'", html, StringComparison.Ordinal);
        Assert.DoesNotMatch("(?i)(src|href|url)\\s*[=(]\\s*[\"']?(https?:)?//", html);
        Assert.DoesNotContain("<script", html, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", html, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Ids_are_unique_and_every_reference_has_its_target()
    {
        Report.Write(_folder, Generated());
        string html = Html();
        string[] ids = [.. Id().Matches(html).Select(m => m.Groups[1].Value)];
        Assert.Equal(ids.Distinct().Count(), ids.Length);
        Assert.All(Reference().Matches(html), m => Assert.Contains(m.Groups[1].Value, ids));
    }

    [Fact]
    public void Pictures_take_their_colors_from_the_style_sheet_and_their_words_from_the_browser()
    {
        Report.Write(_folder, Generated());
        string html = Html();
        Assert.DoesNotContain("#E1A7", html, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("stroke=\"currentColor\" class=\"series1\"", html, StringComparison.Ordinal);
        Assert.Contains("class=\"dashed series1\"", html, StringComparison.Ordinal);
        Assert.Contains("fill=\"currentColor\" class=\"series3\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("font-family", html, StringComparison.Ordinal);
        Assert.Matches("<text [^>]*>validation accuracy</text>", html);
    }

    [Fact]
    public void Names_from_outside_cannot_put_markup_into_the_page()
    {
        const string Evil = "<img src=x onerror=alert(1)>\"'&";
        ReportInput input = Generated();
        Report.Write(_folder, input with
        {
            Model = Evil,
            Version = Evil,
            Data = Evil,
            Subset = Evil,
            Hardware = Evil,
            Licence = Evil,
            Members = [.. input.Members.Select(m => m with { Name = Evil + m.Name, Architecture = Evil })],
            ImageIds = [.. input.Labels.Select(_ => Evil)],
            Strata = [.. input.Labels.Select((_, i) => Evil + i % 2)],
            Degradation = input.Degradation! with { Description = Evil },
            TrainingData = input.TrainingData! with { Name = Evil, Split = Evil },
            Recipe = JsonSerializer.SerializeToElement(new Dictionary<string, string> { [Evil] = Evil }),
            Inference = new Dictionary<string, string> { [Evil] = Evil },
        });
        string html = Html();
        Assert.DoesNotContain("<img src=x", html, StringComparison.Ordinal);
        Assert.Contains("&lt;img src=x onerror=alert(1)&gt;", html, StringComparison.Ordinal);
        // With all attribute values taken out, no tag has gained an attribute by breaking out of one.
        Assert.DoesNotMatch("<[a-z]+ [^<>]*\\sonerror=", AttributeValue().Replace(html, "\"\""));
    }

    [Fact]
    public void The_document_for_programs_holds_the_same_figures()
    {
        ReportInput input = Generated();
        ReportDocument document = Report.Write(_folder, input);
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "report.json")));
        JsonElement root = json.RootElement;
        Assert.Equal(document.Ensemble.Metrics.Accuracy, root.GetProperty("ensemble").GetProperty("metrics").GetProperty("accuracy").GetDouble());
        Assert.Equal(document.Ensemble.Intervals.Accuracy.Low,
            root.GetProperty("ensemble").GetProperty("intervals").GetProperty("accuracy").GetProperty("low").GetDouble());
        Assert.Equal(["resnet18", "mobilenet_v2"], root.GetProperty("members").EnumerateObject().Select(p => p.Name));
        Assert.Equal(20, root.GetProperty("learningCurves").GetProperty("resnet18").GetArrayLength());
        Assert.Equal(["220 px", "28 px"], root.GetProperty("strata").EnumerateObject().Select(p => p.Name));
        Assert.Equal(input.Labels.Count, root.GetProperty("strata").EnumerateObject().Sum(p => p.Value.GetProperty("metrics").GetProperty("count").GetInt32()));
        Assert.Equal("decision support, not a diagnosis", root.GetProperty("notice").GetString());
    }

    [Fact]
    public void Degradation_that_changes_nothing_shifts_nothing_and_one_that_swaps_classes_shifts_all()
    {
        double[] nevus = [0, 0, 0, 0, 0.25, 0.75, 0], melanoma = [0, 0, 0, 0, 0.75, 0.25, 0];
        ReportInput input = Generated() with
        {
            Labels = [5, 5], Probabilities = [nevus, nevus], Members = [], ImageIds = null, Strata = null, Pixels = default,
            Degradation = new("same", [0, 1], [nevus, nevus]),
        };
        DegradationFigures same = Report.Measure(input).Degradation!;
        Assert.Equal((1.0, 0.0, 1.0), (same.SameAnswer, same.MeanShift, same.DegradedAccuracy));
        DegradationFigures swapped = Report.Measure(input with { Degradation = new("swapped", [0, 1], [nevus, melanoma]) }).Degradation!;
        Assert.Equal((0.5, 0.25, 0.5), (swapped.SameAnswer, swapped.MeanShift, swapped.DegradedAccuracy));
        Assert.Equal(new(0.25, 0.5), swapped.MeanProbabilities["mel"]);
    }

    [Fact]
    public void Most_wrong_is_the_label_found_least_probable_and_a_right_answer_is_never_listed()
    {
        ReportInput input = Generated() with
        {
            Labels = [4, 4, 5], Probabilities = [[0, 0, 0, 0, 0.3, 0.7, 0], [0, 0, 0, 0, 0.1, 0.9, 0], [0, 0, 0, 0, 0.4, 0.6, 0]],
            Members = [], ImageIds = ["a", "b", "c"], Strata = null, Pixels = default, Degradation = null,
        };
        Assert.Equal(["b", "a"], Report.Measure(input).MostWrong.Select(w => w.Image));
    }

    [Fact]
    public void A_model_that_was_only_evaluated_and_is_always_right_still_has_a_report()
    {
        ReportInput generated = Generated();
        Report.Write(_folder, generated with
        {
            Labels = [0, 4], Probabilities = [OneHot(0), OneHot(4)], Members = [], ImageIds = null, Strata = null, Pixels = default, Degradation = null,
            TrainingData = null, Recipe = null, TrainingTime = null, Licence = null,
        });
        string html = Html();
        Assert.Contains("evaluated here, not trained", html, StringComparison.Ordinal);
        Assert.Contains("every first answer is the label", html, StringComparison.Ordinal);
        Assert.DoesNotContain("id=\"degradation\"", html, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN", html, StringComparison.Ordinal);
    }

    [Fact]
    public void Lists_that_do_not_match_are_refused_with_the_count_of_each()
    {
        ReportInput input = Generated();
        Assert.Contains("300 labels, but 1 of image ids", Refusal(input with { ImageIds = ["x"] }), StringComparison.Ordinal);
        Assert.Contains("not 5", Refusal(input with { Pixels = new byte[5] }), StringComparison.Ordinal);
        Assert.Contains("degradation", Refusal(input with { Degradation = new("x", [1], []) }), StringComparison.Ordinal);
        Assert.False(Directory.Exists(_folder));

        string Refusal(ReportInput bad) => Assert.Throws<ArgumentException>(() => Report.Write(_folder, bad)).Message;
    }

    private string Html() => File.ReadAllText(Path.Combine(_folder, "report.html"));

    /// <summary>With lesions, groups of patients, calibration errors and recommendations.</summary>
    private static ReportInput Grouped()
    {
        ReportInput input = Generated();
        IReadOnlyList<int> labels = input.Labels;
        CalibrationErrors errors = CalibrationErrors.Compute(labels, input.Probabilities);
        return input with
        {
            Lesions = [.. labels.Select((_, i) => $"lesion {i / 2}")],
            Groupings = new Dictionary<string, IReadOnlyList<string?>>
            {
                ["sex"] = [.. labels.Select((_, i) => i % 5 == 0 ? null : i % 2 == 0 ? "female" : "male")],
                ["data set"] = [.. labels.Select(_ => (string?)null)],
            },
            Calibration = [new("resnet18", errors, errors)],
            Decisions = DecisionEvaluation.CrossFitted(ClassPrior.UniformShares,
                ValidationAnswers.Of("generated", labels, [.. labels.Select((_, i) => $"lesion {i}")], input.Probabilities)),
        };
    }

    private static ReportInput Generated()
    {
        Random random = new(11);
        int[] labels = [.. Enumerable.Range(0, 300).Select(i => i % 3 == 0 ? i / 3 % 7 : 5)];
        byte[] pixels = new byte[labels.Length * Size * Size * 3];
        random.NextBytes(pixels);
        double[][] ensemble = Answers(2.2);
        return new()
        {
            Model = "lentigo",
            Version = "2026-01-01",
            Created = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero),
            Data = "generated lesions",
            Subset = "val",
            Labels = labels,
            Probabilities = ensemble,
            Members = [new("resnet18", "resnet18", 11_180_103, 0.5, Answers(1.5)) { LearningCurve = Curve(0.7) },
                new("mobilenet_v2", "mobilenet_v2", 2_232_839, 0.5, Answers(1.7)) { LearningCurve = Curve(0.74) }],
            ImageIds = [.. labels.Select((_, i) => $"ISIC_{i:0000000}")],
            Strata = [.. labels.Select((_, i) => i % 2 == 0 ? "28 px" : "220 px")],
            Pixels = pixels,
            InputSize = Size,
            Degradation = new("Images reduced to 28 px", [0, 3, 6, 9], [.. new[] { 0, 3, 6, 9 }.Select(i => ensemble[i + 1])]),
            TrainingData = new("HAM10000", "sha-of-data", "lesion", "sha-of-split", 5400, 1400),
            Recipe = JsonSerializer.SerializeToElement(new { optimizer = "adamw", learningRate = 0.001, augmentation = new { rotation = 180, flips = true } }),
            Inference = new Dictionary<string, string> { ["Temperature"] = "1.27", ["Flips"] = "all" },
            TrainingTime = new(1, 2, 3),
            Hardware = "CPU, 2 threads",
            Licence = "CC BY-NC 4.0",
            Resamples = 200,
        };

        double[][] Answers(double skill) => [.. labels.Select(label =>
        {
            double[] odds = [.. Enumerable.Range(0, 7)
                .Select(c => Math.Exp(random.NextDouble() * 2 + (c == label ? skill * random.NextDouble() : 0) + (c == 5 ? 0.8 : 0)))];
            return odds.Select(o => o / odds.Sum()).ToArray();
        })];

        static LearningCurvePoint[] Curve(double best) =>
            [.. Enumerable.Range(1, 20).Select(e => new LearningCurvePoint(e, 1.2 / Math.Sqrt(e), 0.7 + 0.6 / e, best - 0.2 / e, 1e-4))];
    }

    private static double[] OneHot(int c) => [.. Enumerable.Range(0, LesionClasses.Count).Select(i => i == c ? 1.0 : 0.0)];

    [GeneratedRegex("\\sid=\"([^\"]+)\"")]
    private static partial Regex Id();

    [GeneratedRegex("\"[^\"]*\"")]
    private static partial Regex AttributeValue();

    [GeneratedRegex("(?:href=\"|url\\()#([^\")]+)")]
    private static partial Regex Reference();
}
