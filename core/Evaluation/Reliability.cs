namespace Lentigo.Core.Evaluation;

/// <summary>
/// A reliability diagram: images are binned by the probability of their most probable class (bins of equal width), with the accuracy of each bin (Guo et al.
/// 2017, arXiv:1706.04599, section 2).
/// </summary>
/// <param name="Bins">The bins from 0 to 1; a bin contains confidences above its lower bound, up to and including its upper bound.</param>
/// <param name="ExpectedCalibrationError">The mean over images of |accuracy - mean confidence| of their bins.</param>
public sealed record Reliability(IReadOnlyList<ReliabilityBin> Bins, double ExpectedCalibrationError)
{
    /// <summary>Computes the diagram.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">[n][7].</param>
    /// <param name="bins">The number of bins; 15 is usual.</param>
    /// <exception cref="ArgumentException">There are no images, or the counts differ.</exception>
    public static Reliability Compute(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities, int bins = 15)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(probabilities);
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        if (labels.Count == 0 || labels.Count != probabilities.Count)
        {
            throw new ArgumentException($"{labels.Count} labels and {probabilities.Count} rows of probabilities give no reliability diagram.", nameof(labels));
        }

        int[] counts = new int[bins], hits = new int[bins];
        double[] confidence = new double[bins];
        for (int i = 0; i < labels.Count; i++)
        {
            double top = probabilities[i].Max();
            int bin = Math.Clamp((int)Math.Ceiling(top * bins) - 1, 0, bins - 1);
            counts[bin]++;
            confidence[bin] += top;
            hits[bin] += Array.IndexOf(probabilities[i], top) == labels[i] ? 1 : 0;
        }

        return new(
            [.. Enumerable.Range(0, bins).Select(b => new ReliabilityBin(
                (double)b / bins, (b + 1.0) / bins, counts[b],
                counts[b] == 0 ? null : confidence[b] / counts[b], counts[b] == 0 ? null : (double)hits[b] / counts[b]))],
            Enumerable.Range(0, bins).Sum(b => Math.Abs(hits[b] - confidence[b])) / labels.Count);
    }
}

/// <summary>One bin of a reliability diagram.</summary>
/// <param name="Low">The lower bound of the confidence, exclusive.</param>
/// <param name="High">The upper bound of the confidence, inclusive.</param>
/// <param name="Count">The number of images.</param>
/// <param name="Confidence">The mean confidence of the images; null if there are none.</param>
/// <param name="Accuracy">The share of the images whose most probable class is the label; null if there are none.</param>
public sealed record ReliabilityBin(double Low, double High, int Count, double? Confidence, double? Accuracy);
