using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>What the decision rule recommends, and its prediction sets.</summary>
internal static class DecisionSection
{
    public static void Decisions(HtmlWriter html, DecisionEvaluation? decisions)
    {
        if (decisions is null)
        {
            return;
        }

        html.Write($"""
            <section id="decisions"><h2>What it recommends</h2>
            <p>A lesion is referred where malignancy, or melanoma alone, is at least as probable as its operating point, fitted for {decisions.Promise:P0}
            sensitivity. The rule was
            {decisions.Method}. Warnings about single images, which turn routine into review, are left out of account.</p>
            <dl class="tiles">
            """);
        Tile("Sensitivity for malignancy", decisions.Sensitivity);
        Tile("Specificity", decisions.Specificity);
        Tile("Melanomas referred", decisions.MelanomaReferred);
        Tile("Benign lesions referred", decisions.BenignReferred);
        html.Write($"""
            </dl>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of recommendations"><table><caption>Images of each class by
            recommendation.</caption>
            <thead><tr><th scope="col">Class</th><th scope="col">Refer</th><th scope="col">Review</th><th scope="col">Routine</th></tr></thead><tbody>
            """);
        foreach ((string code, RecommendationCounts counts) in decisions.Recommendations)
        {
            html.Write($"<tr><th scope=\"row\"><code>{code}</code></th><td>{counts.Refer:N0}</td><td>{counts.Review:N0}</td><td>{counts.Routine:N0}</td></tr>");
        }

        html.Write($"""
            </tbody></table></div>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of prediction sets"><table>
            <caption>Prediction sets: how often the true class is in them. The promise is made for melanoma, for the other malignant and for the benign
            classes each.</caption>
            <thead><tr><th scope="col">Promise</th><th scope="col">Coverage</th><th scope="col">Mean size</th>
            """);
        foreach (string code in decisions.Recommendations.Keys)
        {
            html.Write($"<th scope=\"col\"><code>{code}</code></th>");
        }

        html.Write($"</tr></thead><tbody>");
        foreach (SetEvaluation set in decisions.Sets)
        {
            html.Write($"<tr><th scope=\"row\">{set.Promise:P0}</th><td>{set.Coverage.Value:P1}<small>{ReportFormat.Range(set.Coverage)}</small></td><td>{set.MeanSize:0.00}</td>");
            foreach (string code in decisions.Recommendations.Keys)
            {
                html.Write($"<td>{set.Classes[code].Value:P1}<small>{ReportFormat.Range(set.Classes[code])}</small></td>");
            }

            html.Write($"</tr>");
        }

        html.Write($"</tbody></table></div></section>");

        void Tile(string name, ConfidenceInterval? interval) => html.Write($"""
            <div><dt>{name}</dt><dd>{ReportFormat.Figure(interval?.Value)}<small>{ReportFormat.Range(interval)}</small></dd></div>
            """);
    }
}
