using System.Text.Json;
using Lentigo.Core.Decisions;
using Lentigo.Core.Models;
using Lentigo.Training.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>The input of a report: predictions on labeled images, and the provenance of the model.</summary>
internal sealed record ReportInput
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The package's version.</summary>
    public required string Version { get; init; }

    /// <summary>When the figures were measured.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The evaluated data set; not its path, which may contain a person's name.</summary>
    public required string Data { get; init; }

    /// <summary><c>train</c>, <c>val</c>, <c>test</c> or <c>all</c>.</summary>
    public required string Subset { get; init; }

    /// <summary>[n]: the images' labels, 0 to 6.</summary>
    public required IReadOnlyList<int> Labels { get; init; }

    /// <summary>[n][7]: the ensemble's probabilities.</summary>
    public required IReadOnlyList<double[]> Probabilities { get; init; }

    /// <summary>The members, in the package's order.</summary>
    public required IReadOnlyList<ReportMember> Members { get; init; }

    /// <summary>[n]: images with equal entries show the same lesion and are resampled together; null where every image shows another lesion.</summary>
    public IReadOnlyList<string>? Lesions { get; init; }

    /// <summary>By attribute, e.g. <c>age</c>: [n], the group of each image; null where it is unknown.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string?>> Groupings { get; init; } = new Dictionary<string, IReadOnlyList<string?>>();

    /// <summary>Calibration errors before and after temperature scaling; empty where they were not measured.</summary>
    public IReadOnlyList<CalibrationComparison> Calibration { get; init; } = [];

    /// <summary>What the decision rule recommends; null where there is none.</summary>
    public DecisionEvaluation? Decisions { get; init; }

    /// <summary>[n]: the ids of the images; null to use their numbers.</summary>
    public IReadOnlyList<string>? ImageIds { get; init; }

    /// <summary>[n]: the group of each image for the figures by group, e.g. <c>220 px</c>; null for one group.</summary>
    public IReadOnlyList<string>? Strata { get; init; }

    /// <summary>
    /// uint8 [n, size, size, 3] RGB, the input of the model, to embed the images with the largest errors. Leave empty where the license of the images does not
    /// permit copying them.
    /// </summary>
    public ReadOnlyMemory<byte> Pixels { get; init; }

    /// <summary>The side of the model's input in pixels.</summary>
    public required int InputSize { get; init; }

    /// <summary>Predictions on degraded copies, to show whether they depend on sharpness; null where it was not measured.</summary>
    public ReportDegradation? Degradation { get; init; }

    /// <summary>How predictions change with other changes of photographs; null where it was not measured.</summary>
    public IReadOnlyList<RobustnessFigures>? Robustness { get; init; }

    /// <summary>The training data and its split; null where unknown.</summary>
    public ModelData? TrainingData { get; init; }

    /// <summary>[7]: the class prior of all probabilities; null where it is unknown.</summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>The recipe with all hyperparameters; null where it is unknown.</summary>
    public JsonElement? Recipe { get; init; }

    /// <summary>Flips, temperature and precision, as in the manifest.</summary>
    public IReadOnlyDictionary<string, string> Inference { get; init; } = new Dictionary<string, string>();

    /// <summary>How long training took; null where the model was only evaluated.</summary>
    public TimeSpan? TrainingTime { get; init; }

    /// <summary>The hardware of the training, e.g. <c>CPU, 2 threads</c>.</summary>
    public string? Hardware { get; init; }

    /// <summary>The license of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>The seed of the bootstrap.</summary>
    public int Seed { get; init; }

    /// <summary>The number of bootstrap resamples.</summary>
    public int Resamples { get; init; } = 1000;
}

/// <summary>One member of the ensemble.</summary>
/// <param name="Name">The member's name, unique in the package.</param>
/// <param name="Architecture">The network's name in the registry.</param>
/// <param name="Parameters">The number of trainable parameters.</param>
/// <param name="Weight">The member's share of the ensemble's logits.</param>
/// <param name="Probabilities">[n][7]: the probabilities of the member.</param>
internal sealed record ReportMember(string Name, string Architecture, long Parameters, double Weight, IReadOnlyList<double[]> Probabilities)
{
    /// <summary>The member's training, epoch by epoch; empty where the model was only evaluated.</summary>
    public IReadOnlyList<LearningCurvePoint> LearningCurve { get; init; } = [];
}

/// <summary>One epoch of a member's training.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="TrainingLoss">The mean loss on the training images, augmented and regularized as the recipe says.</param>
/// <param name="ValidationLoss">The mean cross-entropy on the validation images.</param>
/// <param name="ValidationAccuracy">The accuracy on the validation images.</param>
/// <param name="LearningRate">The learning rate at the epoch's end.</param>
internal sealed record LearningCurvePoint(int Epoch, double TrainingLoss, double ValidationLoss, double ValidationAccuracy, double LearningRate);

/// <summary>The ensemble's predictions on degraded copies of some of the images.</summary>
/// <param name="Description">The degradation, e.g. <c>220 px images reduced to 28 px</c>.</param>
/// <param name="Images">[m]: the images, as indices into those of the report.</param>
/// <param name="Probabilities">[m][7]: the ensemble's probabilities for the degraded copies.</param>
internal sealed record ReportDegradation(string Description, IReadOnlyList<int> Images, IReadOnlyList<double[]> Probabilities);
