namespace Lentigo.Core.Models;

/// <summary>A decision threshold on a probability, with the sensitivity and specificity measured on validation images.</summary>
/// <param name="Threshold">Lesions with at least this probability are classified as positive.</param>
/// <param name="Sensitivity">The share of positive images that are classified as positive.</param>
/// <param name="SensitivityInterval">[2]: the 95 % confidence interval of the sensitivity, clustered by lesion.</param>
/// <param name="Specificity">The share of negative images that are classified as negative.</param>
/// <param name="SpecificityInterval">[2]: the 95 % confidence interval of the specificity, clustered by lesion.</param>
/// <param name="On">A description of the images on which it was measured.</param>
public sealed record OperatingPoint(
    double Threshold, double Sensitivity, IReadOnlyList<double> SensitivityInterval, double Specificity, IReadOnlyList<double> SpecificityInterval, string On);
