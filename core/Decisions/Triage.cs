using Lentigo.Core.Models;

namespace Lentigo.Core.Decisions;

/// <summary>The recommended action for a lesion; shown before any label.</summary>
/// <param name="Recommendation"><see cref="Refer"/>, <see cref="Review"/> or <see cref="Routine"/>.</param>
/// <param name="MalignantProbability">The probability of the malignant and premalignant classes together, 0 to 1.</param>
/// <param name="MelanomaProbability">The probability of melanoma, 0 to 1.</param>
/// <param name="Reasons">
/// Why the recommendation is not routine: <see cref="Malignant"/>, <see cref="Melanoma"/>, <see cref="Set"/>, <see cref="Warning"/>; empty for routine.
/// </param>
/// <param name="OperatingPoint">
/// The threshold on <paramref name="MalignantProbability"/> at or above which lesions are referred; its specificity is measured on benign lesions.
/// </param>
/// <param name="MelanomaPoint">
/// The threshold on <paramref name="MelanomaProbability"/> at or above which lesions are referred; its specificity is measured on benign lesions.
/// </param>
public sealed record Triage(
    string Recommendation, double MalignantProbability, double MelanomaProbability, IReadOnlyList<string> Reasons, OperatingPoint OperatingPoint,
        OperatingPoint MelanomaPoint)
{
    /// <summary>The lesion should be seen by a specialist.</summary>
    public const string Refer = "refer";

    /// <summary>A clinician should review the image: malignancy is not excluded, or the image is unreliable.</summary>
    public const string Review = "review";

    /// <summary>No finding that argues against usual care.</summary>
    public const string Routine = "routine";

    /// <summary>The malignant classes together are at least as probable as their operating point.</summary>
    public const string Malignant = "malignant";

    /// <summary>Melanoma is at least as probable as its operating point.</summary>
    public const string Melanoma = "melanoma";

    /// <summary>The prediction set contains a malignant class.</summary>
    public const string Set = "set";

    /// <summary>A warning says that the answer should not be relied on.</summary>
    public const string Warning = "warning";
}
