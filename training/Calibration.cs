using Lentigo.Core;
using Lentigo.Core.Inference;

namespace Lentigo.Training;

/// <summary>What is fitted on validation logits after training.</summary>
public static class Calibration
{
    private const double Coldest = 0.05, Hottest = 20;

    /// <summary>
    /// The temperature T of softmax(z / T) with the lowest mean negative log likelihood (Guo et al. 2017, arXiv:1706.04599), by golden-section
    /// search over log T: the likelihood has one maximum.
    /// </summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="logits">[n][7].</param>
    public static double Temperature(IReadOnlyList<int> labels, IReadOnlyList<float[]> logits)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(logits);
        double Loss(double log) => Enumerable.Range(0, labels.Count).Sum(i => -Math.Log(Math.Max(1e-300, EnsembleOutput.Softmax(logits[i], Math.Exp(log))[labels[i]])));
        double ratio = (Math.Sqrt(5) - 1) / 2, low = Math.Log(Coldest), high = Math.Log(Hottest);
        double a = high - (ratio * (high - low)), b = low + (ratio * (high - low)), lossA = Loss(a), lossB = Loss(b);
        while (high - low > 1e-4)
        {
            if (lossA < lossB)
            {
                (high, b, lossB) = (b, a, lossA);
                lossA = Loss(a = high - (ratio * (high - low)));
            }
            else
            {
                (low, a, lossA) = (a, b, lossB);
                lossB = Loss(b = low + (ratio * (high - low)));
            }
        }

        return Math.Round(Math.Exp((low + high) / 2), 4);
    }

    /// <summary>The probability of a class from which on images count as positive so that this share of the others does not.</summary>
    /// <returns>The threshold, or null where no image is of another class.</returns>
    public static double? ThresholdAtSpecificity(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities, string code, double specificity)
    {
        ArgumentNullException.ThrowIfNull(labels);
        int c = LesionClasses.IndexOf(code);
        double[] negatives = [.. Enumerable.Range(0, labels.Count).Where(i => labels[i] != c).Select(i => probabilities[i][c]).Order()];
        return negatives.Length == 0 ? null : Math.BitIncrement(negatives[Math.Min(negatives.Length - 1, (int)Math.Ceiling(specificity * negatives.Length) - 1)]);
    }
}
