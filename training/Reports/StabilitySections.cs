using Lentigo.Training.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>How predictions change when an image is changed and the lesion is not.</summary>
internal static class StabilitySections
{
    public static void Degradation(HtmlWriter html, DegradationFigures? degradation)
    {
        if (degradation is null)
        {
            return;
        }

        html.Write($"""
            <section id="degradation"><h2>Does sharpness move the answer?</h2>
            <p>{degradation.Description}, {degradation.Count:N0} images. A model that reads the lesion and not the camera gives nearly the same answer to
            both.</p>
            <dl class="tiles">
            <div><dt>Same first answer</dt><dd>{degradation.SameAnswer:P1}</dd></div>
            <div><dt>Mean shift of probability</dt><dd>{degradation.MeanShift:P1}</dd></div>
            <div><dt>Accuracy as they are</dt><dd>{degradation.Accuracy:P1}</dd></div>
            <div><dt>Accuracy degraded</dt><dd>{degradation.DegradedAccuracy:P1}</dd></div>
            </dl>
            <div class="scroll" tabindex="0" role="region" aria-label="Mean probabilities"><table><caption>Mean probability of each class: where sharpness
            gives classes away, the columns part.</caption>
            <thead><tr><th scope="col">Class</th><th scope="col">As they are</th><th scope="col">Degraded</th><th scope="col">Change</th></tr></thead><tbody>
            """);
        foreach ((string code, ProbabilityShift shift) in degradation.MeanProbabilities)
        {
            html.Write($"""
                <tr><th scope="row"><code>{code}</code></th><td>{shift.Sharp:P1}</td><td>{shift.Degraded:P1}</td>
                <td>{100 * (shift.Degraded - shift.Sharp):+0.0;−0.0;0.0} points</td></tr>
                """);
        }

        html.Write($"</tbody></table></div></section>");
    }

    public static void Robustness(HtmlWriter html, IReadOnlyList<RobustnessFigures>? changes)
    {
        if (changes is null)
        {
            return;
        }

        html.Write($"""
            <section id="robustness"><h2>Does the photograph move the answer?</h2>
            <p>{changes[0].Count:N0} photographs in their original size, each changed in a way that leaves the lesion what it is.</p>
            <div class="scroll" tabindex="0" role="region" aria-label="Table of changes"><table>
            <thead><tr><th scope="col">Change</th><th scope="col">Other first answer</th><th scope="col">Mean shift of probability</th>
            <th scope="col">Largest shift</th>
            <th scope="col">Mean shift of the malignant probability</th></tr></thead><tbody>
            """);
        foreach (RobustnessFigures change in changes)
        {
            html.Write($"""
                <tr><th scope="row">{change.Change}</th><td>{change.Flips:N0} of {change.Count:N0}</td><td>{change.MeanShift:P1}</td>
                <td>{change.LargestShift:P1}</td><td>{change.MeanMalignantShift:P1}</td></tr>
                """);
        }

        html.Write($"</tbody></table></div></section>");
    }
}
