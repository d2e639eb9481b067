namespace Lentigo.Core.Evaluation;

/// <summary>The precision-recall curve of a score that should be high for positive images, with one point per distinct score as the threshold.</summary>
/// <param name="Points">The points in order of increasing recall; the last has recall 1.</param>
public sealed record PrecisionRecallCurve(IReadOnlyList<PrecisionRecallPoint> Points)
{
    /// <summary>Computes the curve; returns null if there are no positive images.</summary>
    /// <param name="positives">[n]: whether each image is positive.</param>
    /// <param name="scores">[n].</param>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static PrecisionRecallCurve? Compute(IReadOnlyList<bool> positives, IReadOnlyList<double> scores)
    {
        (IReadOnlyList<ThresholdCounts> counts, int positive, _) = ThresholdCounts.Compute(positives, scores);
        return positive == 0 ? null : new(
            [.. counts.Select(c => new PrecisionRecallPoint(
                (double)c.TruePositives / positive, (double)c.TruePositives / (c.TruePositives + c.FalsePositives), c.Threshold))]);
    }

    /// <summary>
    /// Average precision: the sum of each point's precision times the recall it adds, as in scikit-learn's <c>average_precision_score</c>.
    /// It is not interpolated, which would be too optimistic (Davis and Goadrich 2006).
    /// </summary>
    public double AveragePrecision
    {
        get
        {
            double sum = 0, recall = 0;
            foreach (PrecisionRecallPoint point in Points)
            {
                sum += (point.Recall - recall) * point.Precision;
                recall = point.Recall;
            }

            return sum;
        }
    }
}

/// <summary>A point of a precision-recall curve.</summary>
/// <param name="Recall">The share of positive images whose score is at least the threshold.</param>
/// <param name="Precision">The share of positive images among those whose score is at least the threshold.</param>
/// <param name="Threshold">The score.</param>
public readonly record struct PrecisionRecallPoint(double Recall, double Precision, double Threshold);
