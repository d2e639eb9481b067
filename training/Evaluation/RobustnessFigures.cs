namespace Lentigo.Training.Evaluation;

/// <summary>How far answers move when photographs change in a way that leaves the lesion what it is.</summary>
/// <param name="Change">What was done to the photographs.</param>
/// <param name="Count">The number of photographs.</param>
/// <param name="Flips">In how many of them the first answer changed.</param>
/// <param name="MeanShift">The mean over photographs of half the sum of |change of probability|, 0 to 1 (total variation).</param>
/// <param name="LargestShift">The largest of these.</param>
/// <param name="MeanMalignantShift">The mean |change| of the probability of the malignant and premalignant classes together.</param>
internal sealed record RobustnessFigures(string Change, int Count, int Flips, double MeanShift, double LargestShift, double MeanMalignantShift);
