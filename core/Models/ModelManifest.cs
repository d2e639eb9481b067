using System.Text.Json;

namespace Lentigo.Core.Models;

/// <summary>A model package's <c>manifest.json</c>: all that a program or a person must know of the model beside its ONNX graph.</summary>
/// <remarks>
/// Members with a default can be set, not only initialized: the JSON source generator overwrites the default of an initialized member that a document lacks.
/// </remarks>
public sealed record ModelManifest
{
    /// <summary>The manifest's file name in a package.</summary>
    public const string FileName = "manifest.json";

    /// <summary>The ONNX graph's file name in a package.</summary>
    public const string OnnxFileName = "ensemble.onnx";

    /// <summary>The model's name: the folder that holds its versions.</summary>
    public required string Name { get; init; }

    /// <summary>The package's version: the folder below the name. Sorts by time.</summary>
    public required string Version { get; init; }

    /// <summary>When the package was written.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The class codes in the order of the graph's outputs.</summary>
    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>The members in the order of the graph's output <c>member_logits</c>.</summary>
    public required IReadOnlyList<ModelMember> Members { get; init; }

    /// <summary>What the graph is fed.</summary>
    public required ModelInput Input { get; init; }

    /// <summary>The views whose logits are averaged inside the graph: <c>none</c>, <c>horizontal</c> or <c>all</c> (four flips).</summary>
    public string Flips { get; set; } = "none";

    /// <summary>The temperature T of probabilities = softmax(logits / T), fitted on validation logits (Guo et al. 2017, arXiv:1706.04599).</summary>
    public double Temperature { get; set; } = 1;

    /// <summary>
    /// [7]: the class prior that the probabilities are for, in the order of <see cref="Classes"/>: the shares of the classes where the model is to answer as
    /// its validation images suggest. <see cref="Evaluation.ClassPrior"/> re-weighs probabilities for another. Null in packages that do not say.
    /// </summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>
    /// The operating points where nobody asks for others; null in packages without <see cref="Decisions.ValidationAnswers"/>, whose answers have no triage and
    /// no prediction set.
    /// </summary>
    public ModelOperatingPoints? OperatingPoints { get; init; }

    /// <summary>When an image is not to be believed; null in packages that cannot tell.</summary>
    public ModelSuitability? Suitability { get; init; }

    /// <summary>What an image must have for a lesion to be seen on it; null in packages that do not say.</summary>
    public ModelQuality? Quality { get; init; }

    /// <summary>Decision thresholds by name, for example the melanoma probability that gives 80 % specificity on validation images.</summary>
    public IReadOnlyDictionary<string, double>? Thresholds { get; init; }

    /// <summary>How the weights are stored: <c>float32</c>, <c>float16</c> or <c>int8</c>.</summary>
    public string Precision { get; set; } = "float32";

    /// <summary>SHA-256 of each other file of the package, lower-case hex, by file name.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>What the members were trained on.</summary>
    public ModelData? Data { get; init; }

    /// <summary>The training recipe, every hyper-parameter.</summary>
    public JsonElement? Recipe { get; init; }

    /// <summary>Metrics on the validation images: the document of <c>evaluate --json</c>.</summary>
    public JsonElement? Metrics { get; init; }

    /// <summary>One of the ensemble's figures in <see cref="Metrics"/>, such as <c>macroAuc</c>; null where the package does not say.</summary>
    public double? EnsembleMetric(string name) =>
        Metrics is { ValueKind: JsonValueKind.Object } metrics && metrics.TryGetProperty("ensemble", out JsonElement ensemble)
            && ensemble.ValueKind == JsonValueKind.Object
            && ensemble.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    /// <summary>The licence of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>'decision support, not a diagnosis'.</summary>
    public string Notice { get; set; } = LesionClasses.Notice;
}

/// <summary>The default operating points of a model.</summary>
/// <param name="Malignant">Of the malignant and premalignant classes together.</param>
/// <param name="Melanoma">Of melanoma.</param>
public sealed record ModelOperatingPoints(OperatingPoint Malignant, OperatingPoint Melanoma);

/// <summary>
/// Limits on the graph's output <c>suitability</c>, 0 to 1: how much an image is like the dermoscopy images that the members were trained on.
/// </summary>
/// <param name="WarnBelow">Below it lie 5 % of the validation images.</param>
/// <param name="RefuseBelow">Below it lie 0.5 % of them.</param>
public sealed record ModelSuitability(double WarnBelow, double RefuseBelow);

/// <summary>Limits on <see cref="Imaging.ImageQuality"/>, taken from validation images.</summary>
/// <param name="ShorterSide">The least shorter side in pixels: below it the image must be enlarged.</param>
/// <param name="Sharpness">The least sharpness.</param>
/// <param name="Darkest">The least brightness.</param>
/// <param name="Brightest">The highest brightness.</param>
public sealed record ModelQuality(int ShorterSide, double Sharpness, double Darkest, double Brightest);

/// <summary>One network of the ensemble.</summary>
/// <param name="Name">The member's name, unique in the package, e.g. <c>resnet18</c>.</param>
/// <param name="Architecture">The network's name in the registry.</param>
/// <param name="Parameters">The number of trainable parameters.</param>
/// <param name="Weight">The member's share of the ensemble's logits; the shares sum to 1.</param>
/// <param name="Fold">In an ensemble of folds the one, from 1, that the member was validated on and not trained on; else null.</param>
public sealed record ModelMember(string Name, string Architecture, long Parameters, double Weight, int? Fold = null);

/// <summary>What the graph's input <c>image</c>, uint8 [n, size, size, 3] RGB, is made of.</summary>
/// <param name="Size">The side of the square in pixels.</param>
/// <param name="Geometry"><c>squash</c>: the whole image, whatever its aspect ratio.</param>
/// <param name="Kernel"><c>bilinear-antialiased</c>.</param>
public sealed record ModelInput(int Size, string Geometry = ModelInput.Squash, string Kernel = ModelInput.BilinearAntialiased)
{
    /// <summary>The geometry that this version of the product knows.</summary>
    public const string Squash = "squash";

    /// <summary>The kernel that this version of the product knows.</summary>
    public const string BilinearAntialiased = "bilinear-antialiased";
}

/// <summary>Which images the members saw and which they did not.</summary>
/// <param name="Name">The data set's name.</param>
/// <param name="Fingerprint">SHA-256 over the sorted image ids, labels and pixels.</param>
/// <param name="Split">How the images were split: <c>lesion</c>, <c>image</c> or <c>official</c>.</param>
/// <param name="SplitFingerprint">SHA-256 over the sorted image ids and their subset.</param>
/// <param name="TrainCount">The number of images trained on.</param>
/// <param name="ValCount">The number of validation images.</param>
/// <param name="Folds">
/// 1, or the number of folds that the members were trained on: then every image was validated on, answered by the members of its fold alone.
/// </param>
public sealed record ModelData(string Name, string Fingerprint, string Split, string SplitFingerprint, int TrainCount, int ValCount, int Folds = 1)
{
    /// <summary>All that some member was trained on, the data set named here too; null in packages that do not say.</summary>
    public IReadOnlyList<ModelSource>? Sources { get; init; }
}

/// <summary>A source of training images.</summary>
/// <param name="Name">The data set's name.</param>
/// <param name="Role"><see cref="Validated"/>, <see cref="Train"/> or <see cref="Pretraining"/>.</param>
/// <param name="Weight">How often an epoch drew each image: 1 is once.</param>
/// <param name="Size">The side in pixels that the images were brought to.</param>
/// <param name="Fingerprint">SHA-256 over the sorted image ids, labels and pixels at that size.</param>
/// <param name="Images">The number of its images.</param>
/// <param name="LeftOut">How many of them were not trained on because they show lesions of validation images or are in another source too.</param>
public sealed record ModelSource(string Name, string Role, double Weight, int Size, string Fingerprint, int Images, int LeftOut)
{
    /// <summary>Split into images trained on and images validated on.</summary>
    public const string Validated = "validated";

    /// <summary>Trained on only.</summary>
    public const string Train = "train";

    /// <summary>Trained on in the first of two trainings.</summary>
    public const string Pretraining = "pretraining";
}

/// <summary>The document <c>{name}/current.json</c>: the pointer to the version that serves.</summary>
/// <param name="Version">The version's folder.</param>
public sealed record CurrentVersion(string Version)
{
    /// <summary>The pointer's file name.</summary>
    public const string FileName = "current.json";
}
