using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Evaluation;

/// <summary>Metrics of out-of-fold predictions.</summary>
/// <param name="Images">The number of images.</param>
/// <param name="Ensemble">The metrics of the ensemble, which averages the members' logits.</param>
/// <param name="Members">The metrics of each member.</param>
/// <param name="Gains">The difference between the ensemble and each member, by paired bootstrap over lesions.</param>
internal sealed record CrossValidatedFigures(
    int Images, ConfidenceIntervals Ensemble, IReadOnlyDictionary<string, ConfidenceIntervals> Members, IReadOnlyDictionary<string, ConfidenceIntervals> Gains);
