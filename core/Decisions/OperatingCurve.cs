using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;

namespace Lentigo.Core.Decisions;

/// <summary>All thresholds on a probability, with their sensitivity and specificity on validation images.</summary>
internal sealed class OperatingCurve
{
    private readonly ValidationAnswers _answers;
    private readonly double[] _scores;
    private readonly double[] _weights;
    private readonly int[] _diseased;
    private readonly int[] _others;

    /// <summary>Creates the curve of a score.</summary>
    /// <param name="answers">The validation images, n.</param>
    /// <param name="scores">[n]: the probability.</param>
    /// <param name="weights">[n]: the weight of each image, equal within a class.</param>
    /// <param name="isDiseased">Whether a label is positive.</param>
    /// <param name="isOther">Whether a label is negative; images with labels that are neither are ignored.</param>
    public OperatingCurve(ValidationAnswers answers, double[] scores, double[] weights, Func<int, bool> isDiseased, Func<int, bool> isOther)
    {
        (_answers, _scores, _weights) = (answers, scores, weights);
        int[] Of(Func<int, bool> condition) => [.. Enumerable.Range(0, scores.Length).Where(i => weights[i] > 0 && condition(answers.Labels[i]))];
        (_diseased, _others) = (Of(isDiseased), Of(isOther));
    }

    /// <summary>
    /// Returns the operating point with the highest threshold that reaches the sensitivity on the validation images; null if there are no positives or no
    /// negatives.
    /// </summary>
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

        ConfidenceInterval reached = Share(_diseased, i => _scores[i] >= threshold), spared = Share(_others, i => _scores[i] < threshold);
        return new(threshold, reached.Value, [reached.Low, reached.High], spared.Value, [spared.Low, spared.High], _answers.On);
    }

    private ConfidenceInterval Share(int[] images, Func<int, bool> isHit) =>
        ClusteredProportion.Of([.. images.Select(isHit)], [.. images.Select(i => _answers.Lesions[i])], [.. images.Select(i => _weights[i])])!;
}
