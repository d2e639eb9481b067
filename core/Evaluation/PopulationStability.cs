namespace Lentigo.Core.Evaluation;

/// <summary>
/// The population stability index, which measures the drift of a score's distribution from a reference: 0 is no drift, above 0.25 is usually considered
/// significant.
/// </summary>
public static class PopulationStability
{
    private const int Bins = 10;

    /// <summary>A lower bound for the share of a bin, which avoids the logarithm of 0.</summary>
    private const double LeastShare = 1e-4;

    /// <summary>Computes the index over the deciles of the reference: the sum of (share - reference share) ln(share / reference share).</summary>
    /// <param name="reference">The scores to compare with, at least ten.</param>
    /// <param name="scores">The scores.</param>
    /// <returns>The index; null if there are fewer than ten reference scores, or no scores.</returns>
    public static double? Index(IReadOnlyList<double> reference, IReadOnlyList<double> scores)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(scores);
        if (reference.Count < Bins || scores.Count == 0)
        {
            return null;
        }

        double[] sorted = [.. reference.Order()];
        double[] limits = [.. Enumerable.Range(1, Bins - 1).Select(b => sorted[b * sorted.Length / Bins])];
        double[] Shares(IReadOnlyList<double> values)
        {
            double[] counts = new double[Bins];
            foreach (double value in values)
            {
                counts[limits.Count(limit => value >= limit)]++;
            }

            return [.. counts.Select(c => Math.Max(c / values.Count, LeastShare))];
        }

        return Shares(scores).Zip(Shares(reference)).Sum(s => (s.First - s.Second) * Math.Log(s.First / s.Second));
    }
}
