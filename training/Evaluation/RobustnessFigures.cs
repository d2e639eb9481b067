namespace Lentigo.Training.Evaluation;

/// <summary>How predictions change when photographs are changed without altering the lesion.</summary>
/// <param name="Change">The change.</param>
/// <param name="Count">The number of photographs.</param>
/// <param name="Flips">The number of photographs whose most probable class changed.</param>
/// <param name="MeanShift">The mean over photographs of half the sum of |change of probability|, 0 to 1 (total variation).</param>
/// <param name="LargestShift">The largest of these.</param>
/// <param name="MeanMalignantShift">The mean |change| of the probability of the malignant and premalignant classes together.</param>
internal sealed record RobustnessFigures(string Change, int Count, int Flips, double MeanShift, double LargestShift, double MeanMalignantShift);
