namespace Lentigo.Core.Models;

/// <summary>A threshold on a probability and what it gave on validation images.</summary>
/// <param name="Threshold">Lesions whose probability is this or more are found.</param>
/// <param name="Sensitivity">The share of the diseased that are found.</param>
/// <param name="SensitivityInterval">[2]: its 95 % interval, by lesion.</param>
/// <param name="Specificity">The share of the others that are not found.</param>
/// <param name="SpecificityInterval">[2]: its 95 % interval, by lesion.</param>
/// <param name="On">The images it was measured on.</param>
public sealed record OperatingPoint(
    double Threshold, double Sensitivity, IReadOnlyList<double> SensitivityInterval, double Specificity, IReadOnlyList<double> SpecificityInterval, string On);
