using System.Globalization;
using Lentigo.Core;
using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>How the sections of the report write numbers, intervals and charts.</summary>
internal static class ReportFormat
{
    private const string NotMeasured = "–";

    public static void Figure(HtmlWriter html, string id, Chart chart, string description, string caption, IReadOnlyList<(int Series, string Name)> legend)
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

    public static string Shares(IReadOnlyList<double> prior) =>
        string.Join(", ", prior.Select((p, c) => string.Create(CultureInfo.InvariantCulture, $"{LesionClasses.Codes[c]} {p:P1}")));

    public static string Figure(double? value, string format = "P1") => value?.ToString(format, CultureInfo.InvariantCulture) ?? NotMeasured;

    public static string Range(ConfidenceInterval? interval, string format = "P1") => interval is null ? ""
        : string.Create(CultureInfo.InvariantCulture,
            $"{interval.Low.ToString(format, CultureInfo.InvariantCulture)} – {interval.High.ToString(format, CultureInfo.InvariantCulture)}");

    public static string Sentence(string notice) => char.ToUpperInvariant(notice[0]) + notice[1..] + ".";
}
