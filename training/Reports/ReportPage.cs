using System.Globalization;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Evaluation;
using SkiaSharp;

namespace Lentigo.Training.Reports;

/// <summary>
/// The page <c>report.html</c>: figures, pictures and the model card (Mitchell et al. 2019, arXiv:1810.03993) in one file that asks nothing of the
/// network, and is forbidden to by its own content security policy.
/// </summary>
internal static class ReportPage
{
    /// <summary>What the paper "Skin Cancer Detection Using Convolutional Neural Network" published, Table I: HAM10000 at 64 px, split by image.</summary>
    private static readonly (string Name, double Accuracy, double? F1)[] Published =
    [
        ("the lower of its two networks", 0.7332, null),
        ("the better of its two networks", 0.7494, null),
        ("its ensemble of both", 0.7782, 0.7821),
    ];

    private const string NotMeasured = "–";

    public static string Render(ReportInput input, ReportDocument document)
    {
        HtmlWriter html = new();
        string title = $"{document.Model} {document.Version}";
        html.Write($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
            <title>{title}: report and model card</title>
            <style>
            """);
        html.WriteMarkup(StyleSheet());
        html.Write($"""
            </style>
            </head>
            <body>
            <a class="skip" href="#comparison">Skip to the figures</a>
            <header>
            <p class="kind">Report and model card</p>
            <h1>{title}</h1>
            <p>{document.Data}, subset <em>{document.Subset}</em>: {document.Ensemble.Metrics.Count:N0} images, measured {document.Created.UtcDateTime:yyyy-MM-dd HH:mm} UTC.</p>
            <p class="notice" role="note"><strong>{Sentence(document.Notice)}</strong> Only a physician can diagnose a lesion.</p>
            </header>
            <main>
            """);
        KeyFigures(html, document.Ensemble);
        Use(html, document);
        Comparison(html, input, document);
        LearningCurves(html, input);
        Classes(html, document);
        Curves(html, input, document);
        Calibration(html, document);
        Decisions(html, document.Decisions);
        Subgroups(html, document.Subgroups);
        Strata(html, document);
        Degradation(html, document.Degradation);
        Robustness(html, document.Robustness);
        MostWrong(html, input, document);
        Provenance(html, document);
        html.Write($"""
            </main>
            <footer><p>{Sentence(document.Notice)} The figures of this page for programs: <a href="{Report.JsonFileName}">{Report.JsonFileName}</a>.</p></footer>
            </body>
            </html>
            """);
        return html.ToString();
    }

    private static void KeyFigures(HtmlWriter html, ReportFigures ensemble)
    {
        html.Write($"""<section aria-label="Key figures"><dl class="tiles">""");
        Tile("Accuracy", ensemble.Intervals.Accuracy);
        Tile("Balanced accuracy", ensemble.Intervals.BalancedAccuracy);
        Tile("Macro AUC", ensemble.Intervals.MacroAuc, "0.000");
        Tile($"Melanoma sensitivity at {ConfidenceIntervals.Specificity:P0} specificity", ensemble.Intervals.MelanomaSensitivity);
        html.Write($"""
            </dl><p class="note">The ensemble, with 95 % intervals from {ensemble.Intervals.Resamples:N0} bootstrap draws of the lesions. They tell how much the choice
            of lesions moves a figure, not how much another training run would.</p></section>
            """);

        void Tile(string name, ConfidenceInterval? interval, string format = "P1") => html.Write($"""
            <div><dt>{name}</dt><dd>{Figure(interval?.Value, format)}<small>{Range(interval, format)}</small></dd></div>
            """);
    }

    private static void Use(HtmlWriter html, ReportDocument document) => html.Write($"""
        <section id="use"><h2>Intended use and limits</h2>
        <div class="columns">
        <div><h3>For</h3><ul>
        <li>Supporting clinicians and researchers who look at dermoscopy images of single pigmented skin lesions, by ranking seven categories of HAM10000.</li>
        <li>Images taken through a dermatoscope with the lesion in the middle, as the training images are.</li>
        </ul></div>
        <div><h3>Not for</h3><ul>
        <li>A diagnosis, a triage without a physician, or a decision to leave a lesion unexamined.</li>
        <li>Phone photographs without a dermatoscope, mucosa, nails, wounds, or lesions outside the seven categories: the answer is always one of the seven.</li>
        <li>Skin types, ages and cameras that the training images do not show; HAM10000 comes from two clinics, in Vienna and Queensland, and shows mostly light skin.</li>
        </ul></div>
        </div>
        <p>Probabilities assume that lesions are as frequent as {(document.Prior is null ? "in the training images" : $"here: {Shares(document.Prior)}")}. Rare categories rest on few images: mind their intervals.</p></section>
        """);

    private static void Comparison(HtmlWriter html, ReportInput input, ReportDocument document)
    {
        (string Name, ReportFigures Figures)[] rows = [.. input.Members.Select(m => (m.Name, document.Members[m.Name])), ("ensemble", document.Ensemble)];
        html.Write($"""<section id="comparison"><h2>Members and ensemble</h2>""");

        string[] measures = ["Accuracy", "Precision", "Recall", "F1"];
        using Chart chart = new(
            new("", -0.5, measures.Length - 0.5, [.. measures.Select((m, i) => new Chart.Tick(i, m))], Grid: false),
            Chart.Axis.Share("weighted by class frequency"));
        double width = 0.8 / rows.Length;
        for (int r = 0; r < rows.Length; r++)
        {
            ClassificationMetrics m = rows[r].Figures.Metrics;
            double[] values = [m.Accuracy, m.WeightedPrecision, m.WeightedRecall, m.WeightedF1];
            for (int k = 0; k < values.Length; k++)
            {
                double position = k + (r - (rows.Length - 1) / 2.0) * width;
                chart.Bar(r + 1, position, 0.9 * width, values[k]);
                if (k == 0)
                {
                    ConfidenceInterval interval = rows[r].Figures.Intervals.Accuracy;
                    chart.Whisker(position, interval.Low, interval.High);
                }
            }
        }

        Figure(html, "comparison", chart,
            "Bars: " + string.Join("; ", rows.Select(r => FormattableString.Invariant($"{r.Name} accuracy {r.Figures.Metrics.Accuracy:P1}, F1 {r.Figures.Metrics.WeightedF1:P1}"))),
            "Accuracy with its 95 % interval, and precision, recall and F1 weighted by class frequency, as in the paper's Fig. 3.",
            [.. rows.Select((r, i) => (i + 1, r.Name))]);

        html.Write($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Comparison table"><table>
            <caption>As the paper's Table I, with intervals. Weighted recall equals accuracy.</caption>
            <thead><tr><th scope="col">Network</th><th scope="col">Parameters</th><th scope="col">Share</th><th scope="col">Accuracy</th><th scope="col">Precision</th><th scope="col">F1</th>
            <th scope="col">Balanced accuracy</th><th scope="col">Macro F1</th><th scope="col">Macro AUC</th><th scope="col">Malignant AUC</th><th scope="col">Melanoma sensitivity</th></tr></thead><tbody>
            """);
        foreach ((string name, ReportMember? member, ReportFigures figures) in ComparisonRows(input, document))
        {
            (ClassificationMetrics m, ConfidenceIntervals i) = (figures.Metrics, figures.Intervals);
            html.Write($"""
                <tr class="{(member is null ? "total" : "")}"><th scope="row">{name}</th>
                <td>{member?.Parameters ?? input.Members.Sum(p => p.Parameters):N0}</td><td>{member?.Weight ?? input.Members.Sum(p => p.Weight):P0}</td>
                <td>{m.Accuracy:P1}<small>{Range(i.Accuracy)}</small></td><td>{m.WeightedPrecision:P1}</td><td>{m.WeightedF1:P1}</td>
                <td>{m.BalancedAccuracy:P1}<small>{Range(i.BalancedAccuracy)}</small></td><td>{m.MacroF1:P1}</td>
                <td>{Figure(i.MacroAuc?.Value, "0.000")}<small>{Range(i.MacroAuc, "0.000")}</small></td><td>{Figure(m.MalignantAuc, "0.000")}<small>{Range(i.MalignantAuc, "0.000")}</small></td>
                <td>{Figure(i.MelanomaSensitivity?.Value)}<small>{Range(i.MelanomaSensitivity)}</small></td></tr>
                """);
        }

        foreach ((string name, double accuracy, double? f1) in Published)
        {
            html.Write($"""
                <tr class="published"><th scope="row">published: {name}</th><td></td><td></td><td>{accuracy:P2}</td><td></td><td>{f1:P2}</td><td></td><td></td><td></td><td></td><td></td></tr>
                """);
        }

        html.Write($"""
            </tbody></table></div>
            <p class="note">Malignant AUC: akiec, bcc and mel together against the others. Uniform prior: probabilities re-weighed for equally frequent classes, which suits a clinic that
            does not see mostly nevi. Published figures: “Skin Cancer Detection Using Convolutional Neural Network” (ResNet-18 and MobileNetV2, logits averaged), HAM10000 at 64 px. They were
            measured on that paper's own images and split: compare them with care.</p></section>
            """);
    }

    /// <summary>The members and the ensemble for the model's own class prior, then, where that is known, for equally frequent classes.</summary>
    private static IEnumerable<(string Name, ReportMember? Member, ReportFigures Figures)> ComparisonRows(ReportInput input, ReportDocument document)
    {
        (string Suffix, IReadOnlyDictionary<string, ReportFigures> Members, ReportFigures Ensemble)[] priors =
            [("", document.Members, document.Ensemble), .. document.Uniform is { } u ? [(", uniform prior", u.Members, u.Ensemble)] : Array.Empty<(string, IReadOnlyDictionary<string, ReportFigures>, ReportFigures)>()];
        foreach ((string suffix, IReadOnlyDictionary<string, ReportFigures> members, ReportFigures ensemble) in priors)
        {
            foreach (ReportMember member in input.Members)
            {
                yield return ($"{member.Name}{(member.Architecture == member.Name ? "" : $" ({member.Architecture})")}{suffix}", member, members[member.Name]);
            }

            yield return ("ensemble" + suffix, null, ensemble);
        }
    }

    private static void LearningCurves(HtmlWriter html, ReportInput input)
    {
        html.Write($"""<section id="learning"><h2>Learning curves</h2>""");
        (int Series, ReportMember Member)[] trained = [.. input.Members.Select((m, i) => (i + 1, m)).Where(m => m.m.LearningCurve.Count > 0)];
        if (trained.Length == 0)
        {
            html.Write($"<p>None: this model was evaluated here, not trained.</p></section>");
            return;
        }

        LearningCurvePoint[] points = [.. trained.SelectMany(m => m.Member.LearningCurve)];
        Chart.Axis epochs = Chart.Axis.Numbers("epoch", points.Select(p => (double)p.Epoch), whole: true);
        using Chart accuracy = new(epochs, Chart.Axis.Numbers("validation accuracy", points.Select(p => p.ValidationAccuracy)));
        using Chart loss = new(epochs, Chart.Axis.Numbers("loss", points.SelectMany(p => new[] { p.TrainingLoss, p.ValidationLoss })));
        foreach ((int series, ReportMember member) in trained)
        {
            bool markers = member.LearningCurve.Count < 3;
            accuracy.Line(series, member.LearningCurve.Select(p => ((double)p.Epoch, p.ValidationAccuracy)), markers);
            loss.Line(series, member.LearningCurve.Select(p => ((double)p.Epoch, p.ValidationLoss)), markers);
            loss.Line(series + Chart.Dashed, member.LearningCurve.Select(p => ((double)p.Epoch, p.TrainingLoss)), markers);
        }

        html.Write($"""<div class="figures">""");
        Figure(html, "accuracy", accuracy,
            "Validation accuracy by epoch: " + string.Join("; ", trained.Select(m =>
                FormattableString.Invariant($"{m.Member.Name} ends at {m.Member.LearningCurve[^1].ValidationAccuracy:P1}, best {m.Member.LearningCurve.Max(p => p.ValidationAccuracy):P1}"))),
            "Accuracy on the validation images.", [.. trained.Select(m => (m.Series, m.Member.Name))]);
        Figure(html, "loss", loss,
            "Loss by epoch: " + string.Join("; ", trained.Select(m =>
                FormattableString.Invariant($"{m.Member.Name} lowest validation loss {m.Member.LearningCurve.Min(p => p.ValidationLoss):0.000}"))),
            "Loss on validation images (solid) and on training images as the recipe augments and regularizes them (dashed).",
            [.. trained.Select(m => (m.Series, m.Member.Name))]);
        html.Write($"</div></section>");
    }

    private static void Classes(HtmlWriter html, ReportDocument document)
    {
        ClassificationMetrics metrics = document.Ensemble.Metrics;
        html.Write($"""
            <section id="classes"><h2>Classes</h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of classes"><table>
            <caption>The ensemble, each class against the rest.</caption>
            <thead><tr><th scope="col">Class</th><th scope="col">Images</th><th scope="col">Answered</th><th scope="col">Precision</th><th scope="col">Recall</th><th scope="col">F1</th>
            <th scope="col">AUC</th><th scope="col">Average precision</th></tr></thead><tbody>
            """);
        for (int c = 0; c < LesionClasses.Count; c++)
        {
            ClassMetrics m = metrics.Classes[c];
            LesionClass lesion = LesionClasses.All[c];
            html.Write($"""
                <tr><th scope="row">{lesion.Name} <code>{lesion.Code}</code><small>{(lesion.Malignant ? "malignant or premalignant" : "")}</small></th><td>{m.Support:N0}</td><td>{m.Predicted:N0}</td>
                <td>{Figure(m.Predicted == 0 ? null : m.Precision)}</td><td>{Figure(m.Support == 0 ? null : m.Recall)}</td><td>{Figure(m.Support == 0 ? null : m.F1)}</td>
                <td>{Figure(m.Auc, "0.000")}</td><td>{Figure(document.AveragePrecision.TryGetValue(m.Code, out double p) ? p : null, "0.000")}</td></tr>
                """);
        }

        html.Write($"""
            </tbody></table></div>
            <div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix"><table class="confusion">
            <caption>Confusion matrix: how many images of a label (row) got an answer (column); a stronger colour is a larger share of the row.</caption>
            <thead><tr><th scope="col">label \ answer</th>
            """);
        foreach (string code in LesionClasses.Codes)
        {
            html.Write($"<th scope=\"col\">{code}</th>");
        }

        html.Write($"</tr></thead><tbody>");
        for (int row = 0; row < LesionClasses.Count; row++)
        {
            html.Write($"<tr><th scope=\"row\">{LesionClasses.Codes[row]}</th>");
            for (int column = 0; column < LesionClasses.Count; column++)
            {
                int count = metrics.ConfusionMatrix[row][column];
                double share = metrics.Classes[row].Support == 0 ? 0 : (double)count / metrics.Classes[row].Support;
                html.Write($"""
                    <td class="{(row == column ? "hit" : "miss")}" style="--share:{share:0.###}" title="{share:P1} of {LesionClasses.Codes[row]}">{count:N0}</td>
                    """);
            }

            html.Write($"</tr>");
        }

        html.Write($"</tbody></table></div></section>");
    }

    private static void Curves(HtmlWriter html, ReportInput input, ReportDocument document)
    {
        using Chart roc = new(Chart.Axis.Share("1 − specificity"), Chart.Axis.Share("sensitivity"));
        using Chart precisionRecall = new(Chart.Axis.Share("recall"), Chart.Axis.Share("precision"));
        List<(int Series, string Name)> rocNames = [], precisionRecallNames = [];
        roc.Line(Chart.Ink + Chart.Dashed, [(0, 0), (1, 1)]);
        for (int c = 0; c < LesionClasses.Count; c++)
        {
            string code = LesionClasses.Codes[c];
            bool[] positives = [.. input.Labels.Select(l => l == c)];
            double[] scores = [.. input.Probabilities.Select(p => p[c])];
            if (RocCurve.Compute(positives, scores) is { } rocCurve)
            {
                roc.Line(c + 1, Thin([.. rocCurve.Points.Select(p => (p.FalsePositiveRate, p.TruePositiveRate))]));
                rocNames.Add((c + 1, FormattableString.Invariant($"{code} {rocCurve.Area:0.000}")));
            }

            if (PrecisionRecallCurve.Compute(positives, scores) is { } curve)
            {
                precisionRecall.Line(c + 1, Thin([(0, curve.Points[0].Precision), .. curve.Points.Select(p => (p.Recall, p.Precision))]));
                precisionRecallNames.Add((c + 1, FormattableString.Invariant($"{code} {document.AveragePrecision[code]:0.000}")));
            }
        }

        html.Write($"""<section id="curves"><h2>Thresholds</h2><div class="figures">""");
        Figure(html, "roc", roc, "ROC curves, area under the curve by class: " + string.Join(", ", rocNames.Select(n => n.Name)),
            "ROC of each class against the rest, with the area under the curve; dashed: chance.", rocNames);
        Figure(html, "pr", precisionRecall, "Precision-recall curves, average precision by class: " + string.Join(", ", precisionRecallNames.Select(n => n.Name)),
            "Precision against recall of each class, with the average precision. Chance is the class's share of the images.", precisionRecallNames);
        html.Write($"</div></section>");
    }

    private static void Calibration(HtmlWriter html, ReportDocument document)
    {
        Reliability reliability = document.Reliability;
        using Chart chart = new(Chart.Axis.Share("stated probability"), Chart.Axis.Share("accuracy"));
        foreach (ReliabilityBin bin in reliability.Bins.Where(b => b.Count > 0))
        {
            chart.Bar(1, (bin.Low + bin.High) / 2, (bin.High - bin.Low) * 0.9, bin.Accuracy!.Value);
        }

        chart.Line(Chart.Ink + Chart.Dashed, [(0, 0), (1, 1)]);
        html.Write($"""<section id="calibration"><h2>Calibration</h2><div class="figures">""");
        Figure(html, "reliability", chart,
            "Reliability diagram: " + string.Join("; ", reliability.Bins.Where(b => b.Count > 0).Select(b =>
                FormattableString.Invariant($"stated {b.Confidence:P0}, right {b.Accuracy:P0} of {b.Count}"))),
            FormattableString.Invariant($"How often the first answer is right, by the probability stated for it; dashed: as often as stated. Expected calibration error {reliability.ExpectedCalibrationError:P1}."), []);
        html.Write($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Reliability table"><table><caption>The same in numbers.</caption>
            <thead><tr><th scope="col">Stated</th><th scope="col">Images</th><th scope="col">Mean stated</th><th scope="col">Right</th></tr></thead><tbody>
            """);
        foreach (ReliabilityBin bin in reliability.Bins.Where(b => b.Count > 0))
        {
            html.Write($"<tr><th scope=\"row\">{bin.Low:P0} – {bin.High:P0}</th><td>{bin.Count:N0}</td><td>{bin.Confidence:P1}</td><td>{bin.Accuracy:P1}</td></tr>");
        }

        html.Write($"</tbody></table></div></div>");
        if (document.Calibration is { } rows)
        {
            html.Write($"""
                <div class="scroll" tabindex="0" role="region" aria-label="Calibration errors"><table>
                <caption>Before and after temperature scaling; each temperature was fitted on images of other lesions. Lower is better.</caption>
                <thead><tr><th scope="col">Probabilities of</th><th scope="col">Calibration error ({rows[0].Before.Bins} bins)</th><th scope="col">after</th><th scope="col">Brier score</th>
                <th scope="col">after</th><th scope="col">Log loss</th><th scope="col">after</th></tr></thead><tbody>
                """);
            foreach (CalibrationComparison row in rows)
            {
                html.Write($"""
                    <tr><th scope="row">{row.Name}</th><td>{row.Before.ExpectedCalibrationError:0.000}</td><td>{row.After.ExpectedCalibrationError:0.000}</td><td>{row.Before.BrierScore:0.000}</td>
                    <td>{row.After.BrierScore:0.000}</td><td>{row.Before.LogLoss:0.000}</td><td>{row.After.LogLoss:0.000}</td></tr>
                    """);
            }

            html.Write($"</tbody></table></div>");
        }

        html.Write($"</section>");
    }

    private static void Decisions(HtmlWriter html, DecisionEvaluation? decisions)
    {
        if (decisions is null)
        {
            return;
        }

        html.Write($"""
            <section id="decisions"><h2>What it recommends</h2>
            <p>A lesion is referred where malignancy, or melanoma alone, is at least as probable as its operating point, fitted for {decisions.Promise:P0} sensitivity. The rule was
            {decisions.Method}. Warnings about single images, which turn routine into review, are left out of account.</p>
            <dl class="tiles">
            """);
        Tile("Sensitivity for malignancy", decisions.Sensitivity);
        Tile("Specificity", decisions.Specificity);
        Tile("Melanomas referred", decisions.MelanomaReferred);
        Tile("Benign lesions referred", decisions.BenignReferred);
        html.Write($"""
            </dl>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of recommendations"><table><caption>Images of each class by recommendation.</caption>
            <thead><tr><th scope="col">Class</th><th scope="col">Refer</th><th scope="col">Review</th><th scope="col">Routine</th></tr></thead><tbody>
            """);
        foreach ((string code, RecommendationCounts counts) in decisions.Recommendations)
        {
            html.Write($"<tr><th scope=\"row\"><code>{code}</code></th><td>{counts.Refer:N0}</td><td>{counts.Review:N0}</td><td>{counts.Routine:N0}</td></tr>");
        }

        html.Write($"""
            </tbody></table></div>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of prediction sets"><table>
            <caption>Prediction sets: how often the true class is in them. The promise is made for melanoma, for the other malignant and for the benign classes each.</caption>
            <thead><tr><th scope="col">Promise</th><th scope="col">Coverage</th><th scope="col">Mean size</th>
            """);
        foreach (string code in decisions.Recommendations.Keys)
        {
            html.Write($"<th scope=\"col\"><code>{code}</code></th>");
        }

        html.Write($"</tr></thead><tbody>");
        foreach (SetEvaluation set in decisions.Sets)
        {
            html.Write($"<tr><th scope=\"row\">{set.Promise:P0}</th><td>{set.Coverage.Value:P1}<small>{Range(set.Coverage)}</small></td><td>{set.MeanSize:0.00}</td>");
            foreach (string code in decisions.Recommendations.Keys)
            {
                html.Write($"<td>{set.Classes[code].Value:P1}<small>{Range(set.Classes[code])}</small></td>");
            }

            html.Write($"</tr>");
        }

        html.Write($"</tbody></table></div></section>");

        void Tile(string name, ConfidenceInterval? interval) => html.Write($"""
            <div><dt>{name}</dt><dd>{Figure(interval?.Value)}<small>{Range(interval)}</small></dd></div>
            """);
    }

    private static void Subgroups(HtmlWriter html, IReadOnlyList<SubgroupFigures>? subgroups)
    {
        if (subgroups is null)
        {
            return;
        }

        html.Write($"""
            <section id="subgroups"><h2>Groups of patients</h2>
            <p>With 95 % intervals by lesion. Groups differ in their mix of classes, so that a difference in accuracy alone does not show that a group is served worse.</p>
            """);
        foreach (IGrouping<string, SubgroupFigures> by in subgroups.GroupBy(g => g.By))
        {
            html.Write($"""
                <div class="scroll" tabindex="0" role="region" aria-label="Groups by {by.Key}"><table><caption>By {by.Key}.</caption>
                <thead><tr><th scope="col">Group</th><th scope="col">Images</th><th scope="col">Lesions</th><th scope="col">Accuracy</th><th scope="col">Balanced accuracy</th><th scope="col">Malignant AUC</th>
                <th scope="col">Melanoma sensitivity at {ConfidenceIntervals.Specificity:P0} specificity</th></tr></thead><tbody>
                """);
            foreach (SubgroupFigures g in by)
            {
                html.Write($"""
                    <tr><th scope="row">{g.Group}</th><td>{g.Images:N0}</td><td>{g.Lesions:N0}</td><td>{g.Accuracy.Value:P1}<small>{Range(g.Accuracy)}</small></td>
                    <td>{g.BalancedAccuracy.Value:P1}<small>{Range(g.BalancedAccuracy)}</small></td><td>{Figure(g.MalignantAuc?.Value, "0.000")}<small>{Range(g.MalignantAuc, "0.000")}</small></td>
                    <td>{Figure(g.MelanomaSensitivity?.Value)}<small>{Range(g.MelanomaSensitivity)}</small></td></tr>
                    """);
            }

            html.Write($"</tbody></table></div>");
        }

        html.Write($"</section>");
    }

    private static void Strata(HtmlWriter html, ReportDocument document)
    {
        if (document.Strata is not { } strata)
        {
            return;
        }

        html.Write($"""
            <section id="strata"><h2>Groups of images</h2>
            <p>Images that differ in how they were made are reported apart: a figure over all of them can hide that one group's answers come from its making, not from the lesion.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of groups"><table>
            <thead><tr><th scope="col">Group</th><th scope="col">Images</th><th scope="col">Accuracy</th><th scope="col">Balanced accuracy</th><th scope="col">Macro AUC</th>
            <th scope="col">Melanoma sensitivity at {ConfidenceIntervals.Specificity:P0} specificity</th></tr></thead><tbody>
            """);
        foreach ((string name, ReportFigures figures) in strata)
        {
            ConfidenceIntervals i = figures.Intervals;
            html.Write($"""
                <tr><th scope="row">{name}</th><td>{figures.Metrics.Count:N0}</td><td>{i.Accuracy.Value:P1}<small>{Range(i.Accuracy)}</small></td>
                <td>{i.BalancedAccuracy.Value:P1}<small>{Range(i.BalancedAccuracy)}</small></td><td>{Figure(i.MacroAuc?.Value, "0.000")}<small>{Range(i.MacroAuc, "0.000")}</small></td>
                <td>{Figure(i.MelanomaSensitivity?.Value)}<small>{Range(i.MelanomaSensitivity)}</small></td></tr>
                """);
        }

        html.Write($"</tbody></table></div></section>");
    }

    private static void Degradation(HtmlWriter html, DegradationFigures? degradation)
    {
        if (degradation is null)
        {
            return;
        }

        html.Write($"""
            <section id="degradation"><h2>Does sharpness move the answer?</h2>
            <p>{degradation.Description}, {degradation.Count:N0} images. A model that reads the lesion and not the camera gives nearly the same answer to both.</p>
            <dl class="tiles">
            <div><dt>Same first answer</dt><dd>{degradation.SameAnswer:P1}</dd></div>
            <div><dt>Mean shift of probability</dt><dd>{degradation.MeanShift:P1}</dd></div>
            <div><dt>Accuracy as they are</dt><dd>{degradation.Accuracy:P1}</dd></div>
            <div><dt>Accuracy degraded</dt><dd>{degradation.DegradedAccuracy:P1}</dd></div>
            </dl>
            <div class="scroll" tabindex="0" role="region" aria-label="Mean probabilities"><table><caption>Mean probability of each class: where sharpness gives classes away, the columns part.</caption>
            <thead><tr><th scope="col">Class</th><th scope="col">As they are</th><th scope="col">Degraded</th><th scope="col">Change</th></tr></thead><tbody>
            """);
        foreach ((string code, ProbabilityShift shift) in degradation.MeanProbabilities)
        {
            html.Write($"""
                <tr><th scope="row"><code>{code}</code></th><td>{shift.Sharp:P1}</td><td>{shift.Degraded:P1}</td><td>{100 * (shift.Degraded - shift.Sharp):+0.0;−0.0;0.0} points</td></tr>
                """);
        }

        html.Write($"</tbody></table></div></section>");
    }

    private static void Robustness(HtmlWriter html, IReadOnlyList<RobustnessFigures>? changes)
    {
        if (changes is null)
        {
            return;
        }

        html.Write($"""
            <section id="robustness"><h2>Does the photograph move the answer?</h2>
            <p>{changes[0].Count:N0} photographs in their original size, each changed in a way that leaves the lesion what it is.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of changes"><table>
            <thead><tr><th scope="col">Change</th><th scope="col">Other first answer</th><th scope="col">Mean shift of probability</th><th scope="col">Largest shift</th>
            <th scope="col">Mean shift of the malignant probability</th></tr></thead><tbody>
            """);
        foreach (RobustnessFigures change in changes)
        {
            html.Write($"""
                <tr><th scope="row">{change.Change}</th><td>{change.Flips:N0} of {change.Count:N0}</td><td>{change.MeanShift:P1}</td><td>{change.LargestShift:P1}</td><td>{change.MeanMalignantShift:P1}</td></tr>
                """);
        }

        html.Write($"</tbody></table></div></section>");
    }

    private static void MostWrong(HtmlWriter html, ReportInput input, ReportDocument document)
    {
        html.Write($"""<section id="wrong"><h2>The images it got most wrong</h2>""");
        if (document.MostWrong.Count == 0)
        {
            html.Write($"<p>None: every first answer is the label.</p></section>");
            return;
        }

        html.Write($"""<p>Those whose label the ensemble found least probable. Labels can be wrong, too.</p><ol class="wrong">""");
        foreach (WrongImage image in document.MostWrong)
        {
            html.Write($"<li>");
            if (!input.Pixels.IsEmpty)
            {
                html.Write($"""
                    <img width="{input.InputSize}" height="{input.InputSize}" alt="Lesion {image.Image}, labelled {image.Label}" src="data:image/png;base64,{Png(input, image.Index)}">
                    """);
            }

            html.Write($"""
                <p><strong>{image.Label}</strong> {image.LabelProbability:P1}<br>answered <strong>{image.Answer}</strong> {image.AnswerProbability:P1}</p>
                <p class="note">{image.Image}{(image.Stratum is null ? "" : $", {image.Stratum}")}</p></li>
                """);
        }

        html.Write($"</ol></section>");
    }

    private static void Provenance(HtmlWriter html, ReportDocument document)
    {
        html.Write($"""<section id="provenance"><h2>How it was made</h2><div class="scroll" tabindex="0" role="region" aria-label="Provenance"><table class="facts"><tbody>""");
        Fact("Evaluated on", $"{document.Data}, subset {document.Subset}, {document.Ensemble.Metrics.Count:N0} images");
        if (document.TrainingData is { } data)
        {
            Fact("Trained on", $"{data.Name}, {data.TrainCount:N0} images; validated on {data.ValCount:N0}");
            Fact("Data fingerprint", data.Fingerprint);
            Fact("Split", data.Split);
            Fact("Split fingerprint", data.SplitFingerprint);
            foreach (ModelSource source in data.Sources ?? [])
            {
                Fact($"Source {source.Name}", FormattableString.Invariant($"{source.Role}, {source.Images:N0} images at {source.Size} px, {source.LeftOut:N0} left out, weight {source.Weight}, fingerprint {source.Fingerprint}"));
            }
        }

        if (document.TrainingSeconds is { } seconds)
        {
            TimeSpan time = TimeSpan.FromSeconds(seconds);
            Fact("Training time", time.TotalHours >= 1 ? $"{(int)time.TotalHours} h {time.Minutes} min" : $"{time.Minutes} min {time.Seconds} s");
        }

        Fact("Hardware", document.Hardware);
        Fact("Class prior", document.Prior is { } prior ? Shares(prior) : null);
        foreach ((string name, string value) in document.Inference)
        {
            Fact(name, value);
        }

        Fact("Licence of the weights", document.Licence);
        html.Write($"</tbody></table></div>");
        if (document.Recipe is { } recipe)
        {
            html.Write($"""<h3>Recipe</h3><div class="scroll" tabindex="0" role="region" aria-label="Recipe"><table class="facts"><tbody>""");
            foreach ((string name, string value) in Flatten("", recipe))
            {
                Fact(name, value);
            }

            html.Write($"</tbody></table></div>");
        }

        html.Write($"</section>");

        void Fact(string name, string? value)
        {
            if (value is not null)
            {
                html.Write($"<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>");
            }
        }
    }

    private static void Figure(HtmlWriter html, string id, Chart chart, string description, string caption, IReadOnlyList<(int Series, string Name)> legend)
    {
        html.Write($"<figure id=\"figure-{id}\">");
        html.WriteMarkup(chart.ToSvg(id, description));
        if (legend.Count > 0)
        {
            html.Write($"""<ul class="legend">""");
            foreach ((int series, string name) in legend)
            {
                html.Write($"<li><span class=\"series{series}\" aria-hidden=\"true\"></span>{name}</li>");
            }

            html.Write($"</ul>");
        }

        html.Write($"<figcaption>{caption}</figcaption></figure>");
    }

    /// <summary>A recipe's settings, one a row: <c>augmentation.rotation = 180</c>.</summary>
    private static IEnumerable<(string Name, string Value)> Flatten(string name, JsonElement element) => element.ValueKind == JsonValueKind.Object
        ? element.EnumerateObject().SelectMany(p => Flatten(name.Length == 0 ? p.Name : $"{name}.{p.Name}", p.Value))
        : [(name, element.ValueKind == JsonValueKind.String ? element.GetString()! : element.GetRawText())];

    /// <summary>A step curve of thousands of points without those that no screen can show apart.</summary>
    private static IEnumerable<(double X, double Y)> Thin((double X, double Y)[] points)
    {
        (double X, double Y) last = (double.NegativeInfinity, double.NegativeInfinity);
        for (int i = 0; i < points.Length; i++)
        {
            if (i == points.Length - 1 || Math.Abs(points[i].X - last.X) + Math.Abs(points[i].Y - last.Y) >= 0.002)
            {
                last = points[i];
                yield return last;
            }
        }
    }

    private static string Png(ReportInput input, int image)
    {
        int size = input.InputSize;
        ReadOnlySpan<byte> rgb = input.Pixels.Span.Slice(image * size * size * 3, size * size * 3);
        byte[] rgba = new byte[size * size * 4];
        for (int p = 0; p < size * size; p++)
        {
            rgb.Slice(3 * p, 3).CopyTo(rgba.AsSpan(4 * p));
            rgba[4 * p + 3] = 255;
        }

        using SKImage picture = SKImage.FromPixelCopy(new SKImageInfo(size, size, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba);
        using SKData png = picture.Encode(SKEncodedImageFormat.Png, 100);
        return Convert.ToBase64String(png.AsSpan());
    }

    private static string Shares(IReadOnlyList<double> prior) =>
        string.Join(", ", prior.Select((p, c) => string.Create(CultureInfo.InvariantCulture, $"{LesionClasses.Codes[c]} {p:P1}")));

    private static string Figure(double? value, string format = "P1") => value?.ToString(format, CultureInfo.InvariantCulture) ?? NotMeasured;

    private static string Range(ConfidenceInterval? interval, string format = "P1") => interval is null ? ""
        : string.Create(CultureInfo.InvariantCulture, $"{interval.Low.ToString(format, CultureInfo.InvariantCulture)} – {interval.High.ToString(format, CultureInfo.InvariantCulture)}");

    private static string Sentence(string notice) => char.ToUpperInvariant(notice[0]) + notice[1..] + ".";

    private static string StyleSheet()
    {
        using Stream stream = typeof(ReportPage).Assembly.GetManifestResourceStream("Lentigo.Training.Reports.report.css")
            ?? throw new InvalidOperationException("The report's style sheet is not embedded in the assembly.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
