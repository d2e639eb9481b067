using Lentigo.Core;
using Lentigo.Training.Recipes;

namespace Lentigo.Training.Data;

/// <summary>Samples and shuffles the images of each epoch, and computes the resulting class prior.</summary>
internal sealed class BatchSampler
{
    private readonly IReadOnlyList<int> _images;
    private readonly double[]? _weights; // [n]: proportional to the sampling frequency; null where each image is drawn once
    private readonly int _seed;

    /// <summary>A sampler of training images.</summary>
    /// <param name="data">The data set.</param>
    /// <param name="images">The training images.</param>
    /// <param name="recipe">The recipe, which chooses the balancing.</param>
    /// <exception cref="TrainingException">Balance by stratum was asked for where a class is missing in a stratum.</exception>
    public BatchSampler(LesionDataSet data, IReadOnlyList<int> images, TrainingRecipe recipe)
    {
        _images = images;
        _seed = recipe.Seed;
        double[] sourceWeights = [.. images.Select(i => data.Records[i].Weight)];
        double[] CountsOf(IEnumerable<int> at)
        {
            double[] sums = new double[LesionClasses.Count];
            foreach (int i in at)
            {
                sums[data.Records[i].Label] += data.Records[i].Weight;
            }

            return sums;
        }

        Length = (int)Math.Round(sourceWeights.Sum());
        double[] counts = CountsOf(images);
        TrainedPrior = Normalized(counts);
        if (recipe.Balance == "none")
        {
            _weights = sourceWeights.All(w => w == 1) ? null : sourceWeights;
            return;
        }

        TrainedPrior = Normalized([.. counts.Select(c => c == 0 ? 0 : Math.Pow(c, recipe.BalancePower))]);
        if (recipe.Balance == "class")
        {
            _weights = [.. images.Select((i, k) => sourceWeights[k] * TrainedPrior[data.Records[i].Label] / counts[data.Records[i].Label])];
            return;
        }

        Dictionary<string, double[]> strata = images.GroupBy(i => data.Records[i].Stratum).ToDictionary(g => g.Key, g => CountsOf(g));
        foreach ((string stratum, double[] classes) in strata)
        {
            if (Enumerable.Range(0, counts.Length).FirstOrDefault(c => counts[c] > 0 && classes[c] == 0, -1) is >= 0 and int lacking)
            {
                throw new TrainingException(
                    $"Balance by stratum needs every class in every resolution, but of the {stratum} px training images none is "
                        + $"{LesionClasses.Codes[lacking]}. Use --balance class, or leave these images out.");
            }
        }

        Dictionary<string, double> shares = strata.ToDictionary(s => s.Key, s => Math.Pow(s.Value.Sum(), recipe.BalancePower));
        double total = shares.Values.Sum();
        _weights = [.. images.Select((i, k) =>
        {
            (string stratum, int label) = (data.Records[i].Stratum, data.Records[i].Label);
            return sourceWeights[k] * shares[stratum] / total * TrainedPrior[label] / strata[stratum][label];
        })];
    }

    /// <summary>The number of images per epoch: the sum of their weights, which is their number where no source is weighted.</summary>
    public int Length { get; }

    /// <summary>[7]: the class prior of the training batches.</summary>
    public double[] TrainedPrior { get; }

    /// <summary>The images of an epoch in order, <see cref="Length"/> of them.</summary>
    public int[] Epoch(int epoch)
    {
        Random random = new(HashCode(_seed, epoch));
        int[] order = _weights is null ? [.. _images] : Draw(random);
        random.Shuffle(order);
        return order;
    }

    /// <summary>
    /// Systematic resampling: image i occurs n w_i times, rounded up or down, so the classes of an epoch vary less than with independent draws.
    /// </summary>
    private int[] Draw(Random random)
    {
        int[] drawn = new int[Length];
        int[] shuffled = [.. Enumerable.Range(0, _images.Count)];
        random.Shuffle(shuffled);
        double step = _weights!.Sum() / drawn.Length, at = random.NextDouble() * step, passed = 0;
        int k = 0;
        foreach (int i in shuffled)
        {
            passed += _weights![i];
            while (k < drawn.Length && at < passed)
            {
                drawn[k++] = _images[i];
                at += step;
            }
        }

        while (k < drawn.Length)
        {
            drawn[k++] = _images[shuffled[^1]]; // rounding may leave the last place open
        }

        return drawn;
    }

    // Not System.HashCode, which differs between processes.
    private static int HashCode(int seed, int epoch) => unchecked((seed * 1_000_003) ^ (epoch * 7919));

    private static double[] Normalized(double[] values)
    {
        double sum = values.Sum();
        return [.. values.Select(v => v / sum)];
    }
}
