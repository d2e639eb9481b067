using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>The members and the ensemble side by side, with the figures of the paper.</summary>
internal static class ComparisonSection
{
    /// <summary>What the paper "Skin Cancer Detection Using Convolutional Neural Network" published, Table I: HAM10000 at 64 px, split by image.</summary>
    private static readonly (string Name, double Accuracy, double? F1)[] Published =
    [
        ("the lower of its two networks", 0.7332, null),
        ("the better of its two networks", 0.7494, null),
        ("its ensemble of both", 0.7782, 0.7821),
    ];

    public static void Comparison(HtmlWriter html, ReportInput input, ReportDocument document)
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

        ReportFormat.Figure(html, "comparison", chart,
            "Bars: " + string.Join("; ", rows.Select(r =>
                FormattableString.Invariant($"{r.Name} accuracy {r.Figures.Metrics.Accuracy:P1}, F1 {r.Figures.Metrics.WeightedF1:P1}"))),
            "Accuracy with its 95 % interval, and precision, recall and F1 weighted by class frequency, as in the paper's Fig. 3.",
            [.. rows.Select((r, i) => (i + 1, r.Name))]);

        html.Write($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Comparison table"><table>
            <caption>As the paper's Table I, with intervals. Weighted recall equals accuracy.</caption>
            <thead><tr><th scope="col">Network</th><th scope="col">Parameters</th><th scope="col">Share</th><th scope="col">Accuracy</th>
            <th scope="col">Precision</th><th scope="col">F1</th>
            <th scope="col">Balanced accuracy</th><th scope="col">Macro F1</th><th scope="col">Macro AUC</th><th scope="col">Malignant AUC</th>
            <th scope="col">Melanoma sensitivity</th></tr></thead><tbody>
            """);
        foreach ((string name, ReportMember? member, ReportFigures figures) in ComparisonRows(input, document))
        {
            (ClassificationMetrics m, ConfidenceIntervals i) = (figures.Metrics, figures.Intervals);
            html.Write($"""
                <tr class="{(member is null ? "total" : "")}"><th scope="row">{name}</th>
                <td>{member?.Parameters ?? input.Members.Sum(p => p.Parameters):N0}</td><td>{member?.Weight ?? input.Members.Sum(p => p.Weight):P0}</td>
                <td>{m.Accuracy:P1}<small>{ReportFormat.Range(i.Accuracy)}</small></td><td>{m.WeightedPrecision:P1}</td><td>{m.WeightedF1:P1}</td>
                <td>{m.BalancedAccuracy:P1}<small>{ReportFormat.Range(i.BalancedAccuracy)}</small></td><td>{m.MacroF1:P1}</td>
                <td>{ReportFormat.Figure(i.MacroAuc?.Value, "0.000")}<small>{ReportFormat.Range(i.MacroAuc, "0.000")}</small></td>
                <td>{ReportFormat.Figure(m.MalignantAuc, "0.000")}<small>{ReportFormat.Range(i.MalignantAuc, "0.000")}</small></td>
                <td>{ReportFormat.Figure(i.MelanomaSensitivity?.Value)}<small>{ReportFormat.Range(i.MelanomaSensitivity)}</small></td></tr>
                """);
        }

        foreach ((string name, double accuracy, double? f1) in Published)
        {
            html.Write($"""
                <tr class="published"><th scope="row">published: {name}</th><td></td><td></td><td>{accuracy:P2}</td><td></td><td>{f1:P2}</td><td></td>
                <td></td><td></td><td></td><td></td></tr>
                """);
        }

        html.Write($"""
            </tbody></table></div>
            <p class="note">Malignant AUC: akiec, bcc and mel together against the others. Uniform prior: probabilities re-weighed for equally frequent
            classes, which suits a clinic that
            does not see mostly nevi. Published figures: “Skin Cancer Detection Using Convolutional Neural Network” (ResNet-18 and MobileNetV2, logits
            averaged), HAM10000 at 64 px. They were
            measured on the images and split of that paper: compare with care.</p></section>
            """);
    }

    /// <summary>The members and the ensemble under the class prior of the model, then, where that is known, for equally frequent classes.</summary>
    private static IEnumerable<(string Name, ReportMember? Member, ReportFigures Figures)> ComparisonRows(ReportInput input, ReportDocument document)
    {
        (string Suffix, IReadOnlyDictionary<string, ReportFigures> Members, ReportFigures Ensemble)[] priors =
            [("", document.Members, document.Ensemble),
                .. document.Uniform is { } u ? [(", uniform prior", u.Members, u.Ensemble)]
                : Array.Empty<(string, IReadOnlyDictionary<string, ReportFigures>, ReportFigures)>()];
        foreach ((string suffix, IReadOnlyDictionary<string, ReportFigures> members, ReportFigures ensemble) in priors)
        {
            foreach (ReportMember member in input.Members)
            {
                yield return ($"{member.Name}{(member.Architecture == member.Name ? "" : $" ({member.Architecture})")}{suffix}", member, members[member.Name]);
            }

            yield return ("ensemble" + suffix, null, ensemble);
        }
    }
}
