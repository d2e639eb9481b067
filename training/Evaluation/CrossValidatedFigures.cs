using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Evaluation;

/// <summary>The figures of some images, each answered by networks that were not trained on its lesion.</summary>
/// <param name="Images">The number of images.</param>
/// <param name="Ensemble">The ensemble's: the members' logits averaged.</param>
/// <param name="Members">Each member's.</param>
/// <param name="Gains">What the ensemble's figures are above each member's.</param>
internal sealed record CrossValidatedFigures(
    int Images, ConfidenceIntervals Ensemble, IReadOnlyDictionary<string, ConfidenceIntervals> Members, IReadOnlyDictionary<string, ConfidenceIntervals> Gains);
