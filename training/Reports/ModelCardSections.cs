using System.Text.Json;
using Lentigo.Core.Models;

namespace Lentigo.Training.Reports;

/// <summary>
/// The parts of a model card (Mitchell et al. 2019, arXiv:1810.03993) that are not figures: intended use and limits, and how the model was made.
/// </summary>
internal static class ModelCardSections
{
    public static void Use(HtmlWriter html, ReportDocument document) => html.Write($"""
        <section id="use"><h2>Intended use and limits</h2>
        <div class="columns">
        <div><h3>For</h3><ul>
        <li>Supporting clinicians and researchers who look at dermoscopy images of single pigmented skin lesions, by ranking seven categories of HAM10000.</li>
        <li>Images taken through a dermatoscope with the lesion in the middle, as the training images are.</li>
        </ul></div>
        <div><h3>Not for</h3><ul>
        <li>A diagnosis, a triage without a physician, or a decision to leave a lesion unexamined.</li>
        <li>Phone photographs without a dermatoscope, mucosa, nails, wounds, or lesions outside the seven categories: the answer is always one of the
        seven.</li>
        <li>Skin types, ages and cameras that the training images do not show; HAM10000 comes from two clinics, in Vienna and Queensland, and shows mostly
        light skin.</li>
        </ul></div>
        </div>
        <p>Probabilities assume that lesions are as frequent as {(document.Prior is null ? "in the training images" : $"here: {ReportFormat.Shares(document.Prior)}")}. Rare categories rest on few images: mind their intervals.</p></section>
        """);

    public static void Provenance(HtmlWriter html, ReportDocument document)
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
        Fact("Class prior", document.Prior is { } prior ? ReportFormat.Shares(prior) : null);
        foreach ((string name, string value) in document.Inference)
        {
            Fact(name, value);
        }

        Fact("License of the weights", document.Licence);
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

    /// <summary>A recipe's settings, one a row: <c>augmentation.rotation = 180</c>.</summary>
    private static IEnumerable<(string Name, string Value)> Flatten(string name, JsonElement element) => element.ValueKind == JsonValueKind.Object
        ? element.EnumerateObject().SelectMany(p => Flatten(name.Length == 0 ? p.Name : $"{name}.{p.Name}", p.Value))
        : [(name, element.ValueKind == JsonValueKind.String ? element.GetString()! : element.GetRawText())];
}
