using Lentigo.Core.Decisions;

namespace Lentigo.Core.Predictions;

/// <summary>The answer for one image: the response of <c>POST /api/predict</c>. Properties that the model's package does not support are absent.</summary>
public sealed record Prediction
{
    /// <summary>Identifies this answer in the service's log.</summary>
    public required string Id { get; init; }

    /// <summary>The recommended action; shown before any label.</summary>
    public Triage? Triage { get; init; }

    /// <summary>The most probable class.</summary>
    public required ClassProbability Label { get; init; }

    /// <summary>All seven classes, most probable first; the probabilities sum to 1.</summary>
    public required IReadOnlyList<ClassProbability> Probabilities { get; init; }

    /// <summary>The prediction set: classes that contain the true one with the target coverage.</summary>
    public PredictionSet? Set { get; init; }

    /// <summary>Reasons to doubt the answer; empty if there are none.</summary>
    public required IReadOnlyList<PredictionWarning> Warnings { get; init; }

    /// <summary>How similar the image is to the training images.</summary>
    public SuitabilityScore? Suitability { get; init; }

    /// <summary>The answer of each member.</summary>
    public required IReadOnlyList<MemberPrediction> Members { get; init; }

    /// <summary>Where the model looked, if an explanation was requested.</summary>
    public Explanation? Explanation { get; init; }

    /// <summary>The most similar training images, most similar first, if requested.</summary>
    public IReadOnlyList<SimilarCase>? Similar { get; init; }

    /// <summary>The class prior of the probabilities, by class code; absent if the package does not specify it.</summary>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }

    /// <summary>The model that answered.</summary>
    public required ModelReference Model { get; init; }

    /// <summary>'decision support, not a diagnosis'.</summary>
    public string Notice { get; init; } = LesionClasses.Notice;

    /// <summary>Ranks all classes, most probable first; ties are in the order of <see cref="LesionClasses.All"/>.</summary>
    /// <param name="probabilities">[7].</param>
    /// <exception cref="InvalidOperationException">A probability is NaN.</exception>
    public static IReadOnlyList<ClassProbability> Rank(IReadOnlyList<double> probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        return probabilities.Any(double.IsNaN)
            ? throw new InvalidOperationException("The model returned NaN: its weights or its graph are corrupt. Publish another version.")
            : [.. LesionClasses.All.Select((c, i) => new ClassProbability(c.Code, c.Name, probabilities[i], c.Malignant))
                .OrderByDescending(c => c.Probability)];
    }
}

/// <summary>A class and its probability.</summary>
/// <param name="Code">The class's <c>dx</c> code.</param>
/// <param name="Name">The class's name.</param>
/// <param name="Probability">The calibrated probability, 0 to 1.</param>
/// <param name="Malignant">Whether the class is malignant or premalignant.</param>
public sealed record ClassProbability(string Code, string Name, double Probability, bool Malignant);

/// <summary>A prediction set.</summary>
/// <param name="Coverage">
/// The target share of images whose true class is in their set. It holds separately for melanoma, for the other malignant classes and for the benign classes.
/// </param>
/// <param name="Codes">The classes' codes, most probable first.</param>
public sealed record PredictionSet(double Coverage, IReadOnlyList<string> Codes);

/// <summary>The answer of one member of the ensemble.</summary>
/// <param name="Name">The member's name, e.g. <c>resnet18</c>.</param>
/// <param name="Probabilities">Softmax of the member's logits divided by the ensemble's temperature, most probable first.</param>
public sealed record MemberPrediction(string Name, IReadOnlyList<ClassProbability> Probabilities);

/// <summary>How similar an image is to the images that the model was trained on.</summary>
/// <param name="Score">0 to 1; 5 % of dermoscopy images score below <paramref name="WarnBelow"/>, 0.5 % below <paramref name="RefuseBelow"/>.</param>
/// <param name="WarnBelow">Below this score, the answer has a warning.</param>
/// <param name="RefuseBelow">Below this score, there is no answer unless the caller requests one anyway.</param>
public sealed record SuitabilityScore(double Score, double WarnBelow, double RefuseBelow);

/// <summary>Where the model looked: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391).</summary>
/// <param name="Code">The code of the explained class.</param>
/// <param name="Map">
/// [h][w], rows from top to bottom, 0 to 1: the average of the members' maps, weighted by the members' shares. Each map and the average are divided by their
/// maximum.
/// </param>
/// <param name="Members">The map of each member, 0 to 1, by name.</param>
/// <param name="Overlay">The map drawn over the image, with the image's aspect ratio: a PNG file as a data URL.</param>
public sealed record Explanation(string Code, double[][] Map, IReadOnlyDictionary<string, double[][]> Members, string Overlay);

/// <summary>A training image that is similar to the classified image.</summary>
/// <param name="Image">The id of the image in the public data set.</param>
/// <param name="Diagnosis">The diagnosis of the image, one of the seven codes.</param>
/// <param name="Distance">The cosine distance of the members' features, 0 to 2.</param>
public sealed record SimilarCase(string Image, string Diagnosis, double Distance);

/// <summary>The model that gave the answer.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The package's version.</param>
public sealed record ModelReference(string Name, string Version);
