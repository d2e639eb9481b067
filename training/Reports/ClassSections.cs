using Lentigo.Core;
using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>Figures of each class against the rest, the confusion matrix and the threshold curves.</summary>
internal static class ClassSections
{
    public static void Classes(HtmlWriter html, ReportDocument document)
    {
        ClassificationMetrics metrics = document.Ensemble.Metrics;
        html.Write($"""
            <section id="classes"><h2>Classes</h2>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of classes"><table>
            <caption>The ensemble, each class against the rest.</caption>
            <thead><tr><th scope="col">Class</th><th scope="col">Images</th><th scope="col">Answered</th><th scope="col">Precision</th>
            <th scope="col">Recall</th><th scope="col">F1</th>
            <th scope="col">AUC</th><th scope="col">Average precision</th></tr></thead><tbody>
            """);
        for (int c = 0; c < LesionClasses.Count; c++)
        {
            ClassMetrics m = metrics.Classes[c];
            LesionClass lesion = LesionClasses.All[c];
            html.Write($"""
                <tr><th scope="row">{lesion.Name} <code>{lesion.Code}</code><small>{(lesion.Malignant ? "malignant or premalignant" : "")}</small></th>
                <td>{m.Support:N0}</td><td>{m.Predicted:N0}</td>
                <td>{ReportFormat.Figure(m.Predicted == 0 ? null : m.Precision)}</td><td>{ReportFormat.Figure(m.Support == 0 ? null : m.Recall)}</td>
                <td>{ReportFormat.Figure(m.Support == 0 ? null : m.F1)}</td>
                <td>{ReportFormat.Figure(m.Auc, "0.000")}</td>
                <td>{ReportFormat.Figure(document.AveragePrecision.TryGetValue(m.Code, out double p) ? p : null, "0.000")}</td></tr>
                """);
        }

        html.Write($"""
            </tbody></table></div>
            <div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix"><table class="confusion">
            <caption>Confusion matrix: how many images of a label (row) got an answer (column); a stronger color is a larger share of the row.</caption>
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

    public static void Curves(HtmlWriter html, ReportInput input, ReportDocument document)
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
        ReportFormat.Figure(html, "roc", roc, "ROC curves, area under the curve by class: " + string.Join(", ", rocNames.Select(n => n.Name)),
            "ROC of each class against the rest, with the area under the curve; dashed: chance.", rocNames);
        ReportFormat.Figure(html, "pr", precisionRecall,
            "Precision-recall curves, average precision by class: " + string.Join(", ", precisionRecallNames.Select(n => n.Name)),
            "Precision against recall of each class, with the average precision. Chance is the class's share of the images.", precisionRecallNames);
        html.Write($"</div></section>");
    }

    /// <summary>Thins out a curve of thousands of points to those that can be distinguished on a screen.</summary>
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
}
