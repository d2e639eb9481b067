using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>
/// The page <c>report.html</c>: figures, charts and the model card (Mitchell et al. 2019, arXiv:1810.03993) in one file that loads nothing from the
/// network, which its content security policy enforces.
/// </summary>
internal static class ReportPage
{
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
            <p>{document.Data}, subset <em>{document.Subset}</em>: {document.Ensemble.Metrics.Count:N0} images, measured
            {document.Created.UtcDateTime:yyyy-MM-dd HH:mm} UTC.</p>
            <p class="notice" role="note"><strong>{ReportFormat.Sentence(document.Notice)}</strong> Only a physician can diagnose a lesion.</p>
            </header>
            <main>
            """);
        KeyFigures(html, document.Ensemble);
        ModelCardSections.Use(html, document);
        ComparisonSection.Comparison(html, input, document);
        LearningCurvesSection.LearningCurves(html, input);
        ClassSections.Classes(html, document);
        ClassSections.Curves(html, input, document);
        CalibrationSection.Calibration(html, document);
        DecisionSection.Decisions(html, document.Decisions);
        GroupSections.Subgroups(html, document.Subgroups);
        GroupSections.Strata(html, document);
        StabilitySections.Degradation(html, document.Degradation);
        StabilitySections.Robustness(html, document.Robustness);
        MostWrongSection.MostWrong(html, input, document);
        ModelCardSections.Provenance(html, document);
        html.Write($"""
            </main>
            <footer><p>{ReportFormat.Sentence(document.Notice)} The figures of this page for programs:
            <a href="{Report.JsonFileName}">{Report.JsonFileName}</a>.</p></footer>
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
            </dl><p class="note">The ensemble, with 95 % intervals from {ensemble.Intervals.Resamples:N0} bootstrap draws of the lesions. They tell how much
            the choice
            of lesions moves a figure, not how much another training run would.</p></section>
            """);

        void Tile(string name, ConfidenceInterval? interval, string format = "P1") => html.Write($"""
            <div><dt>{name}</dt><dd>{ReportFormat.Figure(interval?.Value, format)}<small>{ReportFormat.Range(interval, format)}</small></dd></div>
            """);
    }

    private static string StyleSheet()
    {
        using Stream stream = typeof(ReportPage).Assembly.GetManifestResourceStream("Lentigo.Training.Reports.report.css")
            ?? throw new InvalidOperationException("The report's style sheet is not embedded in the assembly.");
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
