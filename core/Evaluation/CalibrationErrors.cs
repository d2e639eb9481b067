namespace Lentigo.Core.Evaluation;

/// <summary>Calibration errors of predicted probabilities.</summary>
/// <param name="ExpectedCalibrationError">See <see cref="Reliability"/>; depends on the number of bins.</param>
/// <param name="BrierScore">The mean over images of the squared distance between probabilities and the label's indicator vector, 0 to 2 (Brier 1950).</param>
/// <param name="LogLoss">The mean negative log likelihood of the labels, in nats.</param>
/// <param name="Bins">The number of bins of the calibration error.</param>
public sealed record CalibrationErrors(double ExpectedCalibrationError, double BrierScore, double LogLoss, int Bins)
{
    /// <summary>Computes the calibration errors.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">[n][7].</param>
    /// <exception cref="ArgumentException">There are no images, or the counts differ.</exception>
    public static CalibrationErrors Compute(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities)
    {
        Reliability reliability = Reliability.Compute(labels, probabilities);
        return new(
            reliability.ExpectedCalibrationError,
            labels.Select((label, i) => probabilities[i].Select((p, c) => Math.Pow(p - (c == label ? 1 : 0), 2)).Sum()).Average(),
            labels.Select((label, i) => -Math.Log(Math.Max(probabilities[i][label], ClassificationMetrics.LeastProbability))).Average(),
            reliability.Bins.Count);
    }
}
