using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;

namespace Lentigo.Training.Evaluation;

/// <summary>A candidate against the version that serves, on the same validation images.</summary>
/// <param name="Candidate">The candidate's metrics.</param>
/// <param name="Serving">The metrics of the version that serves.</param>
/// <param name="Difference">The difference, candidate minus the version that serves, by paired bootstrap over lesions.</param>
internal sealed record ModelComparison(ClassificationMetrics Candidate, ClassificationMetrics Serving, ConfidenceIntervals Difference)
{
    /// <summary>Compares two packages by their stored validation predictions.</summary>
    /// <param name="candidate">The candidate's manifest and predictions.</param>
    /// <param name="serving">Manifest and predictions of the version that serves.</param>
    /// <returns>The comparison, or null where the two were not validated on the same images.</returns>
    public static ModelComparison? Of((ModelManifest Manifest, ValidationAnswers? Answers) candidate,
        (ModelManifest Manifest, ValidationAnswers? Answers) serving)
    {
        // The fingerprint of a split covers the ids of its images, not their pixels: networks of two input sizes are compared too.
        bool same = candidate.Manifest.Data?.SplitFingerprint is { } split && split == serving.Manifest.Data?.SplitFingerprint
            && candidate.Answers is { } a && serving.Answers is { } b && a.Labels.SequenceEqual(b.Labels);
        if (!same)
        {
            return null;
        }

        (ValidationAnswers mine, ValidationAnswers theirs) = (candidate.Answers!, serving.Answers!);
        return new(
            ClassificationMetrics.Compute(mine.Labels, mine.Probabilities), ClassificationMetrics.Compute(theirs.Labels, theirs.Probabilities),
            ConfidenceIntervals.Difference(mine.Labels, mine.Probabilities, theirs.Probabilities, groups: [.. mine.Lesions.Select(l => $"{l}")]));
    }

    /// <summary>
    /// Whether the candidate is worse: the 95 % interval of the difference in balanced accuracy, macro AUC or malignant AUC lies below zero, or all three
    /// differences are negative.
    /// </summary>
    public bool IsWorse
    {
        get
        {
            ConfidenceInterval[] differences =
                [.. new[] { Difference.BalancedAccuracy, Difference.MacroAuc, Difference.MalignantAuc }.OfType<ConfidenceInterval>()];
            return differences.Any(d => d.High < 0) || differences.All(d => d.Value < 0);
        }
    }
}
