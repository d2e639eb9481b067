using Lentigo.Core.Decisions;

namespace Lentigo.Core.Predictions;

/// <summary>The answer for one image: the document of <c>POST /api/predict</c>. What the model's package cannot give is absent.</summary>
public sealed record Prediction
{
    /// <summary>Identifies this answer in the service's log.</summary>
    public required string Id { get; init; }

    /// <summary>What to do, before any label.</summary>
    public Triage? Triage { get; init; }

    /// <summary>The most probable class.</summary>
    public required ClassProbability Label { get; init; }

    /// <summary>All seven classes, most probable first; they sum to 1.</summary>
    public required IReadOnlyList<ClassProbability> Probabilities { get; init; }

    /// <summary>The classes of which one is the true one with the promised share.</summary>
    public PredictionSet? Set { get; init; }

    /// <summary>Why the answer should be doubted; empty where nothing was found.</summary>
    public required IReadOnlyList<PredictionWarning> Warnings { get; init; }

    /// <summary>How much the image is like those that the model was trained on.</summary>
    public SuitabilityScore? Suitability { get; init; }

    /// <summary>The answer of each member.</summary>
    public required IReadOnlyList<MemberPrediction> Members { get; init; }

    /// <summary>Where the model looked, where that was asked for.</summary>
    public Explanation? Explanation { get; init; }

    /// <summary>The training images that are most alike, nearest first, where they were asked for.</summary>
    public IReadOnlyList<SimilarCase>? Similar { get; init; }

    /// <summary>The class prior that the probabilities are for, by code; absent where the package does not say.</summary>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }

    /// <summary>The model that answered.</summary>
    public required ModelReference Model { get; init; }

    /// <summary>'decision support, not a diagnosis'.</summary>
    public string Notice { get; init; } = LesionClasses.Notice;

    /// <summary>All classes, most probable first; equal ones in the order of <see cref="LesionClasses.All"/>.</summary>
    /// <param name="probabilities">[7].</param>
    /// <exception cref="InvalidOperationException">One is NaN.</exception>
    public static IReadOnlyList<ClassProbability> Rank(IReadOnlyList<double> probabilities)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        return probabilities.Any(double.IsNaN)
            ? throw new InvalidOperationException("The model gave NaN: its weights or its graph are broken. Publish another version.")
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
/// The share of images whose true class is in their set: promised for melanoma, for the other malignant and for the benign classes each.
/// </param>
/// <param name="Codes">The classes' codes, most probable first.</param>
public sealed record PredictionSet(double Coverage, IReadOnlyList<string> Codes);

/// <summary>The answer of a member.</summary>
/// <param name="Name">The member's name, e.g. <c>resnet18</c>.</param>
/// <param name="Probabilities">Softmax of the member's logits over the ensemble's temperature, most probable first.</param>
public sealed record MemberPrediction(string Name, IReadOnlyList<ClassProbability> Probabilities);

/// <summary>How much an image is like those that the model was trained on.</summary>
/// <param name="Score">0 to 1; 5 % of dermoscopy images lie below <paramref name="WarnBelow"/>, 0.5 % below <paramref name="RefuseBelow"/>.</param>
/// <param name="WarnBelow">The answer has a warning below it.</param>
/// <param name="RefuseBelow">There is no answer below it, unless asked for.</param>
public sealed record SuitabilityScore(double Score, double WarnBelow, double RefuseBelow);

/// <summary>Where the model looked: Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391).</summary>
/// <param name="Code">The class that is explained.</param>
/// <param name="Map">[h][w], rows from the top, 0 to 1: the members' maps, each over its maximum, averaged by the members' shares and over the maximum.</param>
/// <param name="Members">The map of each member, 0 to 1, by name.</param>
/// <param name="Overlay">The map over the image, in the proportions of the image: a PNG as a data URL.</param>
public sealed record Explanation(string Code, double[][] Map, IReadOnlyDictionary<string, double[][]> Members, string Overlay);

/// <summary>A training image that is like the one asked about.</summary>
/// <param name="Image">Its id in the public data set.</param>
/// <param name="Diagnosis">Its diagnosis, one of the seven codes.</param>
/// <param name="Distance">The cosine distance of the members' features, 0 to 2.</param>
public sealed record SimilarCase(string Image, string Diagnosis, double Distance);

/// <summary>Which model answered.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The package's version.</param>
public sealed record ModelReference(string Name, string Version);
