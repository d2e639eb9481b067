using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Evaluation;

/// <summary>Calibration errors before and after temperature scaling.</summary>
/// <param name="Name">The member's name, <see cref="LogitAverage"/> or <see cref="ProbabilityAverage"/>.</param>
/// <param name="Before">At temperature 1.</param>
/// <param name="After">With temperatures fitted on other lesions.</param>
internal sealed record CalibrationComparison(string Name, CalibrationErrors Before, CalibrationErrors After)
{
    /// <summary>The ensemble that averages its members' logits, which is the one that serves.</summary>
    public const string LogitAverage = "average of logits";

    /// <summary>The ensemble that averages its members' probabilities.</summary>
    public const string ProbabilityAverage = "average of probabilities";
}
