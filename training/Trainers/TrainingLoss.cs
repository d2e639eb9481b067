using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>The training loss: cross-entropy with label smoothing, optionally class-weighted and focal.</summary>
internal static class TrainingLoss
{
    // Keeps 1 - p above 0, where powers below 1 have no derivative.
    private const double LeastDoubt = 1e-6;

    /// <summary>
    /// Class weights by effective number of samples (Cui et al. 2019, arXiv:1901.05555): (1 - beta) / (1 - beta^n), scaled to mean 1 over the
    /// classes that occur.
    /// </summary>
    /// <param name="counts">The number of images of each class.</param>
    /// <param name="beta">0 weighs all classes equally; values near 1 approach the inverse frequency.</param>
    public static float[] ClassWeights(IReadOnlyList<int> counts, double beta)
    {
        double[] weights = [.. counts.Select(n => n == 0 ? 0 : beta == 0 ? 1 : (1 - beta) / (1 - Math.Pow(beta, n)))];
        double mean = weights.Where(w => w > 0).Average();
        return [.. weights.Select(w => (float)(w / mean))];
    }

    /// <summary>Target distributions [n, classes]: 1 - smoothing for the label, and smoothing spread over all classes.</summary>
    public static Tensor Targets(IReadOnlyList<int> labels, int classes, double smoothing)
    {
        double off = smoothing / classes;
        float[] rows = new float[labels.Count * classes];
        Array.Fill(rows, (float)off);
        for (int i = 0; i < labels.Count; i++)
        {
            rows[(i * classes) + labels[i]] += (float)(1 - smoothing);
        }

        return tensor(rows, [labels.Count, classes]);
    }

    /// <summary>
    /// The mean over a batch, weighted by class: - sum t_c w_c (1 - p_c)^gamma log p_c / sum t_c w_c (focal loss: Lin et al. 2017, arXiv:1708.02002).
    /// </summary>
    /// <param name="logits">[n, classes].</param>
    /// <param name="targets">Distributions t [n, classes].</param>
    /// <param name="classWeights">w [classes].</param>
    /// <param name="focalGamma">gamma; 0 is cross-entropy.</param>
    public static Tensor Compute(Tensor logits, Tensor targets, Tensor classWeights, double focalGamma)
    {
        Tensor logProbabilities = logits.log_softmax(1);
        Tensor weighted = targets * classWeights;
        using Scalar one = 1, least = LeastDoubt, gamma = focalGamma;
        Tensor terms = focalGamma == 0 ? logProbabilities : logProbabilities * (one - logProbabilities.exp()).clamp_min(least).pow(gamma);
        return -(weighted * terms).sum() / weighted.sum();
    }
}
