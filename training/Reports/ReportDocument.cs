using System.Text.Json;
using System.Text.Json.Serialization;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Evaluation;

namespace Lentigo.Training.Reports;

/// <summary>The document <c>report.json</c>: the figures of a report.</summary>
internal sealed record ReportDocument
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The package's version.</summary>
    public required string Version { get; init; }

    /// <summary>When the figures were measured.</summary>
    public required DateTimeOffset Created { get; init; }

    /// <summary>The evaluated data set.</summary>
    public required string Data { get; init; }

    /// <summary><c>train</c>, <c>val</c>, <c>test</c> or <c>all</c>.</summary>
    public required string Subset { get; init; }

    /// <summary>The ensemble's figures.</summary>
    public required ReportFigures Ensemble { get; init; }

    /// <summary>Each member's figures by name.</summary>
    public required IReadOnlyDictionary<string, ReportFigures> Members { get; init; }

    /// <summary>[7]: the class prior of the figures; absent where it is unknown.</summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>The figures with predictions re-weighted for equally frequent classes; absent where the prior is unknown.</summary>
    public UniformFigures? Uniform { get; init; }

    /// <summary>Each member's training, epoch by epoch.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<LearningCurvePoint>> LearningCurves { get; init; }

    /// <summary>The ensemble's calibration.</summary>
    public required Reliability Reliability { get; init; }

    /// <summary>Calibration errors before and after temperature scaling; absent where they were not measured.</summary>
    public IReadOnlyList<CalibrationComparison>? Calibration { get; init; }

    /// <summary>What the decision rule recommends; absent where there is none.</summary>
    public DecisionEvaluation? Decisions { get; init; }

    /// <summary>The ensemble's figures on groups of patients and images; absent where there are no attributes.</summary>
    public IReadOnlyList<SubgroupFigures>? Subgroups { get; init; }

    /// <summary>The ensemble's average precision by class code; a class without images has none.</summary>
    public required IReadOnlyDictionary<string, double> AveragePrecision { get; init; }

    /// <summary>The ensemble's figures by resolution; absent where there is only one.</summary>
    public IReadOnlyDictionary<string, ReportFigures>? Strata { get; init; }

    /// <summary>How predictions change when images are degraded; absent where it was not measured.</summary>
    public DegradationFigures? Degradation { get; init; }

    /// <summary>How predictions change with other changes of photographs; absent where it was not measured.</summary>
    public IReadOnlyList<RobustnessFigures>? Robustness { get; init; }

    /// <summary>The images with the largest errors, the largest first.</summary>
    public required IReadOnlyList<WrongImage> MostWrong { get; init; }

    /// <summary>What the members were trained on and how it was split.</summary>
    public ModelData? TrainingData { get; init; }

    /// <summary>The training recipe.</summary>
    public JsonElement? Recipe { get; init; }

    /// <summary>How predictions are computed: flips, temperature, precision.</summary>
    public required IReadOnlyDictionary<string, string> Inference { get; init; }

    /// <summary>How long training took, in seconds.</summary>
    public double? TrainingSeconds { get; init; }

    /// <summary>The hardware of the training.</summary>
    public string? Hardware { get; init; }

    /// <summary>The license of the weights.</summary>
    public string? Licence { get; init; }

    /// <summary>'decision support, not a diagnosis'.</summary>
    public string Notice { get; init; } = LesionClasses.Notice;
}

/// <summary>A classifier's figures with their intervals.</summary>
/// <param name="Metrics">The figures.</param>
/// <param name="Intervals">The 95 % bootstrap intervals.</param>
internal sealed record ReportFigures(ClassificationMetrics Metrics, ConfidenceIntervals Intervals);

/// <summary>The ensemble's figures on one group.</summary>
/// <param name="By">What the images are grouped by: <c>age</c>, <c>sex</c>, <c>site</c>, <c>confirmation</c>, <c>data set</c>.</param>
/// <param name="Group">The group, <c>not known</c> for images without the attribute.</param>
/// <param name="Images">The number of images.</param>
/// <param name="Lesions">The number of lesions.</param>
/// <param name="Accuracy">The accuracy, its interval by lesion.</param>
/// <param name="BalancedAccuracy">The mean recall over the classes that occur, its interval by lesion.</param>
/// <param name="MalignantAuc">The area under the ROC curve of malignant against benign; null where one side has no images.</param>
/// <param name="MelanomaSensitivity">The sensitivity for melanoma at 80 % specificity; null without melanoma.</param>
internal sealed record SubgroupFigures(
    string By, string Group, int Images, int Lesions, ConfidenceInterval Accuracy, ConfidenceInterval BalancedAccuracy, ConfidenceInterval? MalignantAuc,
        ConfidenceInterval? MelanomaSensitivity);

/// <summary>Figures for equally frequent classes.</summary>
/// <param name="Ensemble">The ensemble's.</param>
/// <param name="Members">Each member's by name.</param>
internal sealed record UniformFigures(ReportFigures Ensemble, IReadOnlyDictionary<string, ReportFigures> Members);

/// <summary>How predictions change when images are degraded.</summary>
/// <param name="Description">The degradation.</param>
/// <param name="Count">The number of images.</param>
/// <param name="Accuracy">The accuracy on the original images.</param>
/// <param name="DegradedAccuracy">The accuracy on their degraded copies.</param>
/// <param name="SameAnswer">The share of images whose most probable class is unchanged.</param>
/// <param name="MeanShift">The mean over images of half the sum of |change of probability|, 0 to 1 (total variation).</param>
/// <param name="MeanProbabilities">
/// By class code, the mean probability on original and degraded images; they differ where sharpness is a cue for the class.
/// </param>
internal sealed record DegradationFigures(
    string Description,
    int Count,
    double Accuracy,
    double DegradedAccuracy,
    double SameAnswer,
    double MeanShift,
    IReadOnlyDictionary<string, ProbabilityShift> MeanProbabilities);

/// <summary>A class's mean probability before and after degrading.</summary>
/// <param name="Sharp">On the original images.</param>
/// <param name="Degraded">On their degraded copies.</param>
internal sealed record ProbabilityShift(double Sharp, double Degraded);

/// <summary>An image whose label the ensemble considered improbable.</summary>
/// <param name="Image">The image's id.</param>
/// <param name="Index">Its number among the report's images.</param>
/// <param name="Label">Its label's code.</param>
/// <param name="LabelProbability">The probability that the ensemble gave to the label.</param>
/// <param name="Answer">The most probable class's code.</param>
/// <param name="AnswerProbability">That class's probability.</param>
/// <param name="Stratum">The group it is in, where there are groups.</param>
internal sealed record WrongImage(string Image, int Index, string Label, double LabelProbability, string Answer, double AnswerProbability, string? Stratum);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(ReportDocument))]
internal sealed partial class ReportJson : JsonSerializerContext;
