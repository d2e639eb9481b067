using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>Figures by group of patients and by group of images.</summary>
internal static class GroupSections
{
    public static void Subgroups(HtmlWriter html, IReadOnlyList<SubgroupFigures>? subgroups)
    {
        if (subgroups is null)
        {
            return;
        }

        html.Write($"""
            <section id="subgroups"><h2>Groups of patients</h2>
            <p>With 95 % intervals by lesion. Groups differ in their mix of classes, so that a difference in accuracy alone does not show that a group is
            served worse.</p>
            """);
        foreach (IGrouping<string, SubgroupFigures> by in subgroups.GroupBy(g => g.By))
        {
            html.Write($"""
                <div class="scroll" tabindex="0" role="region" aria-label="Groups by {by.Key}"><table><caption>By {by.Key}.</caption>
                <thead><tr><th scope="col">Group</th><th scope="col">Images</th><th scope="col">Lesions</th><th scope="col">Accuracy</th>
                <th scope="col">Balanced accuracy</th><th scope="col">Malignant AUC</th>
                <th scope="col">Melanoma sensitivity at {ConfidenceIntervals.Specificity:P0} specificity</th></tr></thead><tbody>
                """);
            foreach (SubgroupFigures g in by)
            {
                html.Write($"""
                    <tr><th scope="row">{g.Group}</th><td>{g.Images:N0}</td><td>{g.Lesions:N0}</td>
                    <td>{g.Accuracy.Value:P1}<small>{ReportFormat.Range(g.Accuracy)}</small></td>
                    <td>{g.BalancedAccuracy.Value:P1}<small>{ReportFormat.Range(g.BalancedAccuracy)}</small></td>
                    <td>{ReportFormat.Figure(g.MalignantAuc?.Value, "0.000")}<small>{ReportFormat.Range(g.MalignantAuc, "0.000")}</small></td>
                    <td>{ReportFormat.Figure(g.MelanomaSensitivity?.Value)}<small>{ReportFormat.Range(g.MelanomaSensitivity)}</small></td></tr>
                    """);
            }

            html.Write($"</tbody></table></div>");
        }

        html.Write($"</section>");
    }

    public static void Strata(HtmlWriter html, ReportDocument document)
    {
        if (document.Strata is not { } strata)
        {
            return;
        }

        html.Write($"""
            <section id="strata"><h2>Groups of images</h2>
            <p>Images that were made differently are reported separately: a figure over all of them can hide that one group's answers come from its making,
            not from the lesion.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of groups"><table>
            <thead><tr><th scope="col">Group</th><th scope="col">Images</th><th scope="col">Accuracy</th><th scope="col">Balanced accuracy</th>
            <th scope="col">Macro AUC</th>
            <th scope="col">Melanoma sensitivity at {ConfidenceIntervals.Specificity:P0} specificity</th></tr></thead><tbody>
            """);
        foreach ((string name, ReportFigures figures) in strata)
        {
            ConfidenceIntervals i = figures.Intervals;
            html.Write($"""
                <tr><th scope="row">{name}</th><td>{figures.Metrics.Count:N0}</td><td>{i.Accuracy.Value:P1}<small>{ReportFormat.Range(i.Accuracy)}</small></td>
                <td>{i.BalancedAccuracy.Value:P1}<small>{ReportFormat.Range(i.BalancedAccuracy)}</small></td>
                <td>{ReportFormat.Figure(i.MacroAuc?.Value, "0.000")}<small>{ReportFormat.Range(i.MacroAuc, "0.000")}</small></td>
                <td>{ReportFormat.Figure(i.MelanomaSensitivity?.Value)}<small>{ReportFormat.Range(i.MelanomaSensitivity)}</small></td></tr>
                """);
        }

        html.Write($"</tbody></table></div></section>");
    }
}
