using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Decisions;

/// <summary>What a caller may choose of how probabilities become a recommendation.</summary>
/// <param name="Prior">The class prior of the answer: <c>natural</c>, <c>uniform</c> or seven numbers above 0, separated by commas (see <see cref="ClassPrior.Parse"/>).</param>
/// <param name="Sensitivity">The sensitivity for malignancy, and for melanoma apart, of the operating points.</param>
/// <param name="Coverage">The share of images whose true class is in the prediction set.</param>
public sealed record DecisionRequest(string Prior = ClassPrior.Natural, double Sensitivity = DecisionRequest.DefaultSensitivity, double Coverage = DecisionRequest.DefaultCoverage)
{
    /// <summary>The sensitivity where nobody asks for another.</summary>
    public const double DefaultSensitivity = 0.95;

    /// <summary>The coverage where nobody asks for another.</summary>
    public const double DefaultCoverage = 0.9;

    /// <summary>The least sensitivity or coverage that may be asked for.</summary>
    public const double Least = 0.5;

    /// <summary>The highest sensitivity or coverage that may be asked for.</summary>
    public const double Most = 0.999;
}
