using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Decisions;

/// <summary>The options of a caller for turning probabilities into a recommendation.</summary>
/// <param name="Prior">
/// The class prior of the answer: <c>natural</c>, <c>uniform</c> or seven numbers above 0, separated by commas (see <see cref="ClassPrior.Parse"/>).
/// </param>
/// <param name="Sensitivity">The target sensitivity of the operating points for malignancy and for melanoma.</param>
/// <param name="Coverage">The share of images whose true class is in the prediction set.</param>
public sealed record DecisionRequest(string Prior = ClassPrior.Natural, double Sensitivity = DecisionRequest.DefaultSensitivity,
    double Coverage = DecisionRequest.DefaultCoverage)
{
    /// <summary>The default sensitivity.</summary>
    public const double DefaultSensitivity = 0.95;

    /// <summary>The default coverage.</summary>
    public const double DefaultCoverage = 0.9;

    /// <summary>The lowest permitted sensitivity or coverage.</summary>
    public const double Least = 0.5;

    /// <summary>The highest permitted sensitivity or coverage.</summary>
    public const double Most = 0.999;
}
