namespace Lentigo.Core.Evaluation;

/// <summary>
/// A weighted proportion with a 95 % confidence interval for clustered observations, such as several images of one lesion: Wilson's interval (Wilson 1927) with
/// the effective sample size computed from the variance between clusters (Korn and Graubard 1998).
/// </summary>
public static class ClusteredProportion
{
    /// <summary>The two-sided 95 % quantile of the normal distribution.</summary>
    private const double Z = 1.959963984540054;

    /// <summary>Computes the proportion and its interval.</summary>
    /// <param name="hits">[n]: whether each observation is a success.</param>
    /// <param name="clusters">[n]: observations with equal entries form a cluster.</param>
    /// <param name="weights">[n], above 0; null for equal weights.</param>
    /// <returns>The proportion, 0 to 1, with its interval; null if there are no observations.</returns>
    /// <exception cref="ArgumentException">The counts differ.</exception>
    public static ConfidenceInterval? Of<T>(IReadOnlyList<bool> hits, IReadOnlyList<T> clusters, IReadOnlyList<double>? weights = null)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(hits);
        ArgumentNullException.ThrowIfNull(clusters);
        if (clusters.Count != hits.Count || (weights is not null && weights.Count != hits.Count))
        {
            throw new ArgumentException($"{hits.Count} observations, but {clusters.Count} clusters and {weights?.Count ?? hits.Count} weights.",
                nameof(clusters));
        }

        if (hits.Count == 0)
        {
            return null;
        }

        double Weight(int i) => weights?[i] ?? 1;
        int[] all = [.. Enumerable.Range(0, hits.Count)];
        double total = all.Sum(Weight), proportion = all.Sum(i => hits[i] ? Weight(i) : 0) / total;
        double[] residuals = [.. all.GroupBy(i => clusters[i]).Select(g => g.Sum(i => Weight(i) * ((hits[i] ? 1 : 0) - proportion)))];
        double variance = residuals.Length < 2 ? 0 : residuals.Sum(r => r * r) / (total * total) * residuals.Length / (residuals.Length - 1);
        // With zero variance (all or none are successes), each cluster counts as one observation.
        double n = variance > 0 ? Math.Min(proportion * (1 - proportion) / variance, hits.Count) : residuals.Length;
        double center = (proportion + (Z * Z / (2 * n))) / (1 + (Z * Z / n));
        double half = Z / (1 + (Z * Z / n)) * Math.Sqrt((proportion * (1 - proportion) / n) + (Z * Z / (4 * n * n)));
        return new(proportion, Math.Max(0, center - half), Math.Min(1, center + half));
    }
}
