using Lentigo.Core.Imaging;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Core.Inference;

/// <summary>From an image file to the answer: what HTTP, blob trigger and console all call.</summary>
public static class LesionClassifier
{
    /// <summary>Classifies one image file.</summary>
    /// <param name="model">The model.</param>
    /// <param name="file">The file's bytes.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="limits">What the file may cost.</param>
    /// <exception cref="ImageRejectedException">The file cannot be classified; its problem says why.</exception>
    public static Prediction Classify(EnsembleModel model, byte[] file, string id, ImageLimits limits)
    {
        ArgumentNullException.ThrowIfNull(model);
        ModelManifest manifest = model.Manifest;
        EnsembleOutput output = model.Classify(LesionImage.Decode(file, manifest.Input.Size, limits), 1);
        IReadOnlyList<ClassProbability> ranked = Rank(EnsembleOutput.Softmax(output.Logits(0), manifest.Temperature));
        ClassProbability first = ranked[0];
        return new(
            id,
            new(first.Code, first.Name, first.Probability, LesionClasses.All[LesionClasses.IndexOf(first.Code)].Malignant),
            ranked,
            [.. manifest.Members.Select((member, k) => new MemberPrediction(member.Name, Rank(EnsembleOutput.Softmax(output.MemberLogits(0, k), manifest.Temperature))))],
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
