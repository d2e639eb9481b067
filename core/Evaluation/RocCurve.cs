namespace Lentigo.Core.Evaluation;

/// <summary>
/// The receiver operating characteristic of a score that should be high for positive images: one point for each distinct score as threshold,
/// from (0, 0) to (1, 1). Images with equal scores share a point.
/// </summary>
/// <param name="Points">The points in order of increasing false positive rate.</param>
public sealed record RocCurve(IReadOnlyList<RocPoint> Points)
{
    /// <summary>Computes the curve; returns null if there are no positive or no negative images.</summary>
    /// <param name="positives">[n]: whether each image is positive.</param>
    /// <param name="scores">[n].</param>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static RocCurve? Compute(IReadOnlyList<bool> positives, IReadOnlyList<double> scores)
    {
        (IReadOnlyList<ThresholdCounts> counts, int positive, int negative) = ThresholdCounts.Compute(positives, scores);
        return positive == 0 || negative == 0 ? null : new(
        [
            new(0, 0, double.PositiveInfinity),
            .. counts.Select(c => new RocPoint((double)c.FalsePositives / negative, (double)c.TruePositives / positive, c.Threshold)),
        ]);
    }

    /// <summary>The area under the curve by trapezoids, which equals <see cref="ClassificationMetrics.Auc"/>.</summary>
    public double Area
    {
        get
        {
            double area = 0;
            for (int i = 1; i < Points.Count; i++)
            {
                area += (Points[i].FalsePositiveRate - Points[i - 1].FalsePositiveRate) * (Points[i].TruePositiveRate + Points[i - 1].TruePositiveRate) / 2;
            }

            return area;
        }
    }

    /// <summary>
    /// Returns the point of highest sensitivity with at least the given specificity; among ties, the one with the highest specificity. Points are not
    /// interpolated, so the threshold of the point achieves the specificity on these images.
    /// </summary>
    /// <param name="specificity">1 - the false positive rate, 0 to 1.</param>
    public RocPoint AtSpecificity(double specificity)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(specificity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(specificity, 1);
        RocPoint best = Points[0];
        foreach (RocPoint point in Points)
        {
            if (point.FalsePositiveRate <= 1 - specificity + 1e-12 && point.TruePositiveRate > best.TruePositiveRate)
            {
                best = point;
            }
        }

        return best;
    }
}

/// <summary>A point of an ROC curve.</summary>
/// <param name="FalsePositiveRate">The share of negative images whose score is at least the threshold.</param>
/// <param name="TruePositiveRate">The share of positive images whose score is at least the threshold: the sensitivity.</param>
/// <param name="Threshold">The score; infinity at the first point, where no image is classified as positive.</param>
public readonly record struct RocPoint(double FalsePositiveRate, double TruePositiveRate, double Threshold);

/// <summary>The counts of images at or above a threshold.</summary>
internal readonly record struct ThresholdCounts(double Threshold, int TruePositives, int FalsePositives)
{
    public static (IReadOnlyList<ThresholdCounts> Counts, int Positive, int Negative) Compute(IReadOnlyList<bool> positives, IReadOnlyList<double> scores)
    {
        ArgumentNullException.ThrowIfNull(positives);
        ArgumentNullException.ThrowIfNull(scores);
        if (positives.Count != scores.Count)
        {
            throw new ArgumentException($"{positives.Count} labels, but {scores.Count} scores.", nameof(scores));
        }

        int[] order = [.. Enumerable.Range(0, scores.Count).OrderByDescending(i => scores[i])];
        List<ThresholdCounts> counts = [];
        int hits = 0, alarms = 0;
        for (int k = 0; k < order.Length; k++)
        {
            _ = positives[order[k]] ? hits++ : alarms++;
            if (k + 1 == order.Length || scores[order[k + 1]] != scores[order[k]])
            {
                counts.Add(new(scores[order[k]], hits, alarms));
            }
        }

        return (counts, hits, alarms);
    }
}
