using Lentigo.Core.Evaluation;
using Lentigo.Training.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>The reliability diagram, and calibration errors before and after temperature scaling.</summary>
internal static class CalibrationSection
{
    public static void Calibration(HtmlWriter html, ReportDocument document)
    {
        Reliability reliability = document.Reliability;
        using Chart chart = new(Chart.Axis.Share("stated probability"), Chart.Axis.Share("accuracy"));
        foreach (ReliabilityBin bin in reliability.Bins.Where(b => b.Count > 0))
        {
            chart.Bar(1, (bin.Low + bin.High) / 2, (bin.High - bin.Low) * 0.9, bin.Accuracy!.Value);
        }

        chart.Line(Chart.Ink + Chart.Dashed, [(0, 0), (1, 1)]);
        html.Write($"""<section id="calibration"><h2>Calibration</h2><div class="figures">""");
        ReportFormat.Figure(html, "reliability", chart,
            "Reliability diagram: " + string.Join("; ", reliability.Bins.Where(b => b.Count > 0).Select(b =>
                FormattableString.Invariant($"stated {b.Confidence:P0}, right {b.Accuracy:P0} of {b.Count}"))),
            FormattableString.Invariant($"How often the first answer is right, by the probability stated for it; dashed: as often as stated. Expected calibration error {reliability.ExpectedCalibrationError:P1}."), []);
        html.Write($"""
            <div class="scroll" tabindex="0" role="region" aria-label="Reliability table"><table><caption>The same in numbers.</caption>
            <thead><tr><th scope="col">Stated</th><th scope="col">Images</th><th scope="col">Mean stated</th><th scope="col">Right</th></tr></thead><tbody>
            """);
        foreach (ReliabilityBin bin in reliability.Bins.Where(b => b.Count > 0))
        {
            html.Write($"<tr><th scope=\"row\">{bin.Low:P0} – "
                + $"{bin.High:P0}</th><td>{bin.Count:N0}</td><td>{bin.Confidence:P1}</td><td>{bin.Accuracy:P1}</td></tr>");
        }

        html.Write($"</tbody></table></div></div>");
        if (document.Calibration is { } rows)
        {
            html.Write($"""
                <div class="scroll" tabindex="0" role="region" aria-label="Calibration errors"><table>
                <caption>Before and after temperature scaling; each temperature was fitted on images of other lesions. Lower is better.</caption>
                <thead><tr><th scope="col">Probabilities of</th><th scope="col">Calibration error ({rows[0].Before.Bins} bins)</th><th scope="col">after</th>
                <th scope="col">Brier score</th>
                <th scope="col">after</th><th scope="col">Log loss</th><th scope="col">after</th></tr></thead><tbody>
                """);
            foreach (CalibrationComparison row in rows)
            {
                html.Write($"""
                    <tr><th scope="row">{row.Name}</th><td>{row.Before.ExpectedCalibrationError:0.000}</td>
                    <td>{row.After.ExpectedCalibrationError:0.000}</td><td>{row.Before.BrierScore:0.000}</td>
                    <td>{row.After.BrierScore:0.000}</td><td>{row.Before.LogLoss:0.000}</td><td>{row.After.LogLoss:0.000}</td></tr>
                    """);
            }

            html.Write($"</tbody></table></div>");
        }

        html.Write($"</section>");
    }
}
