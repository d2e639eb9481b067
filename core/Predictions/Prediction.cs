using Lentigo.Core.Inference;
using Lentigo.Core.Models;

namespace Lentigo.Core.Predictions;

/// <summary>The answer for one image: the document of <c>POST /api/predict</c>.</summary>
/// <param name="Id">Identifies this answer in the service's log.</param>
/// <param name="Label">The most probable class.</param>
/// <param name="Probabilities">All seven classes, most probable first; they sum to 1.</param>
/// <param name="Members">Each member's own answer.</param>
/// <param name="Model">The model that answered.</param>
/// <param name="Notice">'decision support, not a diagnosis'.</param>
public sealed record Prediction(
    string Id,
    PredictedLabel Label,
    IReadOnlyList<ClassProbability> Probabilities,
    IReadOnlyList<MemberPrediction> Members,
    ModelReference Model,
    string Notice)
{
    /// <summary>The answer for image <paramref name="i"/> of a batch. The probabilities are the graph's own.</summary>
    /// <exception cref="InvalidOperationException">The graph gave NaN.</exception>
    public static Prediction Of(EnsembleOutput output, int i, string id, ModelManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(manifest);
        IReadOnlyList<ClassProbability> ranked = Rank([.. output.Probabilities(i)]);
        ClassProbability first = ranked[0];
        return new(
            id,
            new(first.Code, first.Name, first.Probability, LesionClasses.All[LesionClasses.IndexOf(first.Code)].Malignant),
            ranked,
            [.. manifest.Members.Select((member, k) => new MemberPrediction(member.Name, Rank(EnsembleOutput.Softmax(output.MemberLogits(i, k), manifest.Temperature))))],
            new(manifest.Name, manifest.Version),
            LesionClasses.Notice);
    }

    /// <summary>All classes, most probable first; equal ones in the order of <see cref="LesionClasses.All"/>.</summary>
    private static List<ClassProbability> Rank(double[] probabilities)
    {
        if (probabilities.Any(double.IsNaN))
        {
            throw new InvalidOperationException("The model gave NaN: its weights or its graph are broken. Publish another version.");
        }

        return [.. LesionClasses.All.Select((c, i) => new ClassProbability(c.Code, c.Name, probabilities[i])).OrderByDescending(c => c.Probability)];
    }
}

/// <summary>The most probable class.</summary>
/// <param name="Code">The class's <c>dx</c> code.</param>
/// <param name="Name">The class's name.</param>
/// <param name="Probability">The calibrated probability, 0 to 1.</param>
/// <param name="Malignant">Whether the class is malignant or premalignant.</param>
public sealed record PredictedLabel(string Code, string Name, double Probability, bool Malignant);

/// <summary>A class and its probability.</summary>
/// <param name="Code">The class's <c>dx</c> code.</param>
/// <param name="Name">The class's name.</param>
/// <param name="Probability">0 to 1.</param>
public sealed record ClassProbability(string Code, string Name, double Probability);

/// <summary>One member's own answer.</summary>
/// <param name="Name">The member's name, e.g. <c>resnet18</c>.</param>
/// <param name="Probabilities">Softmax of the member's logits over the ensemble's temperature, most probable first.</param>
public sealed record MemberPrediction(string Name, IReadOnlyList<ClassProbability> Probabilities);

/// <summary>Which model answered.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The package's version.</param>
public sealed record ModelReference(string Name, string Version);
