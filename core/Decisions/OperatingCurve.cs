namespace Lentigo.Core.Decisions;

/// <summary>Every threshold on a probability, with the sensitivity and specificity that it gives on validation images.</summary>
internal sealed class OperatingCurve
{
    /// <summary>The two-sided 95 % quantile of the normal distribution.</summary>
    private const double Z = 1.959963984540054;

    private readonly ValidationAnswers _answers;
    private readonly double[] _scores;
    private readonly double[] _weights;
    private readonly int[] _diseased;
    private readonly int[] _others;

    /// <summary>The curve of a score.</summary>
    /// <param name="answers">The validation images, n.</param>
    /// <param name="scores">[n]: the probability.</param>
    /// <param name="weights">[n]: how much each image counts; images of one class count alike.</param>
    /// <param name="isDiseased">Whether a label is to be found.</param>
    /// <param name="isOther">Whether a label is not to be found; labels that are neither do not count.</param>
    public OperatingCurve(ValidationAnswers answers, double[] scores, double[] weights, Func<int, bool> isDiseased, Func<int, bool> isOther)
    {
        (_answers, _scores, _weights) = (answers, scores, weights);
        int[] Of(Func<int, bool> condition) => [.. Enumerable.Range(0, scores.Length).Where(i => weights[i] > 0 && condition(answers.Labels[i]))];
        (_diseased, _others) = (Of(isDiseased), Of(isOther));
    }

    /// <summary>The highest threshold that finds at least this share of the diseased validation images; null where there are no images on one side.</summary>
    public OperatingPoint? At(double sensitivity)
    {
        if (_diseased.Length == 0 || _others.Length == 0)
        {
            return null;
        }

        double wanted = sensitivity * _diseased.Sum(i => _weights[i]), found = 0, threshold = 0;
        foreach (int i in _diseased.OrderByDescending(i => _scores[i]))
        {
            found += _weights[i];
            threshold = _scores[i];
            if (found >= wanted - 1e-9)
            {
                break;
            }
        }

        (double sensitivityThere, double[] sensitivityInterval) = Share(_diseased, i => _scores[i] >= threshold);
        (double specificity, double[] specificityInterval) = Share(_others, i => _scores[i] < threshold);
        return new(threshold, sensitivityThere, sensitivityInterval, specificity, specificityInterval, _answers.On);
    }

    /// <summary>
    /// A weighted share with Wilson's interval (Wilson 1927) over the effective number of independent images: images of one lesion resemble each other, so that the
    /// variance is that of lesions as clusters (Korn and Graubard 1998).
    /// </summary>
    private (double Share, double[] Interval) Share(int[] images, Func<int, bool> isHit)
    {
        double total = images.Sum(i => _weights[i]);
        double share = images.Sum(i => isHit(i) ? _weights[i] : 0) / total;
        double[] clusters = [.. images.GroupBy(i => _answers.Lesions[i]).Select(g => g.Sum(i => _weights[i] * ((isHit(i) ? 1 : 0) - share)))];
        double variance = clusters.Length < 2 ? 0 : clusters.Sum(c => c * c) / (total * total) * clusters.Length / (clusters.Length - 1);
        // All or none are hits: the lesions themselves are the sample.
        double n = variance > 0 ? Math.Min(share * (1 - share) / variance, images.Length) : clusters.Length;
        double centre = (share + (Z * Z / (2 * n))) / (1 + (Z * Z / n));
        double half = Z / (1 + (Z * Z / n)) * Math.Sqrt((share * (1 - share) / n) + (Z * Z / (4 * n * n)));
        return (share, [Math.Max(0, centre - half), Math.Min(1, centre + half)]);
    }
}
