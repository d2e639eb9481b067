using System.Text.Json;

namespace Lentigo.Core.Models;

/// <summary>A model package's <c>manifest.json</c>: everything that a program or a person needs to know about the model besides its ONNX graph.</summary>
/// <remarks>
/// Properties with a default have a setter instead of an init accessor: for init-only properties that a document lacks, the JSON source generator overwrites
/// the default.
/// </remarks>
public sealed record ModelManifest
{
    /// <summary>The manifest's file name in a package.</summary>
    public const string FileName = "manifest.json";

    /// <summary>The ONNX graph's file name in a package.</summary>
    public const string OnnxFileName = "ensemble.onnx";

    /// <summary>The model's name: the folder that holds its versions.</summary>
    public required string Name { get; init; }

    /// <summary>The package's version: the folder below the name. Versions sort chronologically.</summary>
    public required string Version { get; init; }

    /// <summary>When the package was written.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The class codes in the order of the graph's outputs.</summary>
    public required IReadOnlyList<string> Classes { get; init; }

    /// <summary>The members in the order of the graph's output <c>member_logits</c>.</summary>
    public required IReadOnlyList<ModelMember> Members { get; init; }

    /// <summary>The input of the graph.</summary>
    public required ModelInput Input { get; init; }

    /// <summary>The test-time augmentation whose logits are averaged inside the graph: <c>none</c>, <c>horizontal</c> or <c>all</c> (four flips).</summary>
    public string Flips { get; set; } = "none";

    /// <summary>The temperature T of probabilities = softmax(logits / T), fitted on validation logits (Guo et al. 2017, arXiv:1706.04599).</summary>
    public double Temperature { get; set; } = 1;

    /// <summary>
    /// [7]: the class prior of the probabilities, in the order of <see cref="Classes"/>: the class shares for which the model's answers hold as measured on its
    /// validation images. <see cref="Evaluation.ClassPrior"/> re-weights probabilities for another prior. Null in packages that do not specify it.
    /// </summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>
    /// The default operating points; null in packages without <see cref="Decisions.ValidationAnswers"/>, whose answers have no triage and no prediction set.
    /// </summary>
    public ModelOperatingPoints? OperatingPoints { get; init; }

    /// <summary>The limits of the suitability score; null in packages whose graph does not compute one.</summary>
    public ModelSuitability? Suitability { get; init; }

    /// <summary>The limits of image quality for a reliable answer; null in packages that do not specify them.</summary>
    public ModelQuality? Quality { get; init; }

    /// <summary>Decision thresholds by name, for example the melanoma probability that gives 80 % specificity on validation images.</summary>
    public IReadOnlyDictionary<string, double>? Thresholds { get; init; }

    /// <summary>How the weights are stored: <c>float32</c>, <c>float16</c> or <c>int8</c>.</summary>
    public string Precision { get; set; } = "float32";

    /// <summary>SHA-256 of every other file of the package in lowercase hex, by file name.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>The training data of the members.</summary>
    public ModelData? Data { get; init; }

    /// <summary>The training recipe with all hyperparameters.</summary>
    public JsonElement? Recipe { get; init; }

    /// <summary>Metrics on the validation images: the document of <c>evaluate --json</c>.</summary>
    public JsonElement? Metrics { get; init; }

    /// <summary>Returns one of the ensemble's metrics in <see cref="Metrics"/>, such as <c>macroAuc</c>; null if the package does not contain it.</summary>
    public double? EnsembleMetric(string name) =>
        Metrics is { ValueKind: JsonValueKind.Object } metrics && metrics.TryGetProperty("ensemble", out JsonElement ensemble)
            && ensemble.ValueKind == JsonValueKind.Object
            && ensemble.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;

    /// <summary>The license of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>'decision support, not a diagnosis'.</summary>
    public string Notice { get; set; } = LesionClasses.Notice;
}

/// <summary>The default operating points of a model.</summary>
/// <param name="Malignant">The operating point of the malignant and premalignant classes together.</param>
/// <param name="Melanoma">The operating point of melanoma.</param>
public sealed record ModelOperatingPoints(OperatingPoint Malignant, OperatingPoint Melanoma);

/// <summary>
/// Limits on the graph's output <c>suitability</c>, 0 to 1: how similar an image is to the dermoscopy images that the members were trained on.
/// </summary>
/// <param name="WarnBelow">5 % of the validation images score below this limit.</param>
/// <param name="RefuseBelow">0.5 % of the validation images score below this limit.</param>
public sealed record ModelSuitability(double WarnBelow, double RefuseBelow);

/// <summary>Limits on <see cref="Imaging.ImageQuality"/>, derived from validation images.</summary>
/// <param name="ShorterSide">The minimum length of the shorter side in pixels; smaller images would have to be enlarged.</param>
/// <param name="Sharpness">The minimum sharpness.</param>
/// <param name="Darkest">The minimum brightness.</param>
/// <param name="Brightest">The maximum brightness.</param>
public sealed record ModelQuality(int ShorterSide, double Sharpness, double Darkest, double Brightest);

/// <summary>One network of the ensemble.</summary>
/// <param name="Name">The member's name, unique in the package, e.g. <c>resnet18</c>.</param>
/// <param name="Architecture">The network's name in the registry.</param>
/// <param name="Parameters">The number of trainable parameters.</param>
/// <param name="Weight">The member's share of the ensemble's logits; the shares sum to 1.</param>
/// <param name="Fold">In a cross-validation ensemble, the fold (from 1) on which the member was validated and not trained; otherwise null.</param>
public sealed record ModelMember(string Name, string Architecture, long Parameters, double Weight, int? Fold = null);

/// <summary>How to prepare the graph's input <c>image</c>, uint8 [n, size, size, 3] RGB.</summary>
/// <param name="Size">The side of the square in pixels.</param>
/// <param name="Geometry"><c>squash</c>: the whole image is resized to a square, ignoring its aspect ratio.</param>
/// <param name="Kernel">The resampling filter: <c>bilinear-antialiased</c>.</param>
public sealed record ModelInput(int Size, string Geometry = ModelInput.Squash, string Kernel = ModelInput.BilinearAntialiased)
{
    /// <summary>The only geometry that this version supports.</summary>
    public const string Squash = "squash";

    /// <summary>The only kernel that this version supports.</summary>
    public const string BilinearAntialiased = "bilinear-antialiased";
}

/// <summary>The images that the members were trained and validated on.</summary>
/// <param name="Name">The data set's name.</param>
/// <param name="Fingerprint">SHA-256 over the sorted image ids, labels and pixels.</param>
/// <param name="Split">How the images were split: <c>lesion</c>, <c>image</c> or <c>official</c>.</param>
/// <param name="SplitFingerprint">SHA-256 over the sorted image ids and their subsets.</param>
/// <param name="TrainCount">The number of images trained on.</param>
/// <param name="ValCount">The number of validation images.</param>
/// <param name="Folds">1, or the number of cross-validation folds. With folds, every image was validated on, predicted only by the members of its fold.</param>
public sealed record ModelData(string Name, string Fingerprint, string Split, string SplitFingerprint, int TrainCount, int ValCount, int Folds = 1)
{
    /// <summary>All data sources that any member was trained on, including this data set; null in packages that do not list them.</summary>
    public IReadOnlyList<ModelSource>? Sources { get; init; }
}

/// <summary>A source of training images.</summary>
/// <param name="Name">The data set's name.</param>
/// <param name="Role"><see cref="Validated"/>, <see cref="Train"/> or <see cref="Pretraining"/>.</param>
/// <param name="Weight">How many times each image is drawn per epoch; 1 means once.</param>
/// <param name="Size">The side length in pixels to which the images were resized.</param>
/// <param name="Fingerprint">SHA-256 over the sorted image ids, labels and pixels at that size.</param>
/// <param name="Images">The number of images of the source.</param>
/// <param name="LeftOut">The number of images excluded from training because they show lesions of validation images or are also in another source.</param>
public sealed record ModelSource(string Name, string Role, double Weight, int Size, string Fingerprint, int Images, int LeftOut)
{
    /// <summary>Split into training and validation images.</summary>
    public const string Validated = "validated";

    /// <summary>Used for training only.</summary>
    public const string Train = "train";

    /// <summary>Used in the first of two training stages.</summary>
    public const string Pretraining = "pretraining";
}

/// <summary>The document <c>{name}/current.json</c>: the pointer to the version in service.</summary>
/// <param name="Version">The version's folder.</param>
public sealed record CurrentVersion(string Version)
{
    /// <summary>The pointer's file name.</summary>
    public const string FileName = "current.json";
}
