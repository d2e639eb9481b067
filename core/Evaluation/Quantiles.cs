namespace Lentigo.Core.Evaluation;

/// <summary>Quantiles of samples.</summary>
public static class Quantiles
{
    /// <summary>Computes a quantile of sorted values with linear interpolation (Hyndman and Fan 1996, definition 7).</summary>
    /// <param name="sorted">[n], ascending, at least one.</param>
    /// <param name="share">0 to 1: the share of the values below the quantile.</param>
    public static double Of(IReadOnlyList<double> sorted, double share)
    {
        ArgumentNullException.ThrowIfNull(sorted);
        double position = share * (sorted.Count - 1);
        int below = (int)position;
        return below + 1 == sorted.Count ? sorted[below] : sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
    }

    /// <summary>
    /// Computes a weighted quantile: the smallest value such that it and all smaller values have at least the given share of the total weight.
    /// </summary>
    /// <param name="values">[n], in any order, at least one.</param>
    /// <param name="weights">[n], summing to 1.</param>
    /// <param name="share">0 to 1.</param>
    public static double Weighted(IReadOnlyList<double> values, IReadOnlyList<double> weights, double share)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(weights);
        int[] order = [.. Enumerable.Range(0, values.Count).OrderBy(i => values[i])];
        double below = 0;
        foreach (int i in order)
        {
            below += weights[i];
            if (below >= share)
            {
                return values[i];
            }
        }

        return values[order[^1]];
    }
}
