using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Predictions;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Packaging;

/// <summary>The features of training images in an ensemble's graph, for suitability and similar cases.</summary>
internal sealed class ImageFeatures
{
    /// <summary>The number of principal directions of the features that suitability uses.</summary>
    private const int Directions = 64;

    /// <summary>The most images of each class in the index of similar cases, which bounds its size.</summary>
    private const int IndexedPerClass = 300;

    /// <summary>
    /// Shrinkage: the share of the mean variance that is added to the variance of each direction, so that directions of little variance do not dominate.
    /// </summary>
    private const double Shrinkage = 0.05;

    private const int Batch = 32;

    private readonly LesionRecord[] _records;
    private readonly float[][] _features;
    private readonly float[][] _statistics;

    private ImageFeatures(LesionRecord[] records, float[][] features, float[][] statistics) =>
        (_records, _features, _statistics) = (records, features, statistics);

    /// <summary>Runs the graph on images.</summary>
    /// <param name="model">The package; its graph outputs features.</param>
    /// <param name="data">The data set.</param>
    /// <param name="images">The images.</param>
    /// <param name="vary">Whether each image is varied by <see cref="SharpnessVariation"/> first.</param>
    public static ImageFeatures Compute(EnsembleModel model, LesionDataSet data, IReadOnlyList<int> images, bool vary = false)
    {
        Collector collected = new(data);
        foreach (int[] batch in images.Chunk(Batch))
        {
            byte[][] pixels = [.. batch.Select(i => vary ? SharpnessVariation.Of(data.PixelsOf(i), data.Size, seed: i) : data.PixelsOf(i))];
            collected.Add(batch, pixels, model.Classify([.. pixels.SelectMany(p => p)], batch.Length));
        }

        return collected.ToFeatures();
    }

    /// <summary>The union with other images.</summary>
    public ImageFeatures With(ImageFeatures others) =>
        new([.. _records, .. others._records], [.. _features, .. others._features], [.. _statistics, .. others._statistics]);

    /// <summary>
    /// The squared Mahalanobis distance to the training images (Lee et al. 2018, arXiv:1807.03888), along the main directions of the features and all of the
    /// statistics
    /// of colors and early channels, mapped to a score that is 1 up to the median distance and 0.2 at the 95th percentile. Classes are weighted by the square
    /// root of
    /// their number of images: otherwise the many nevi would make rare classes look unusual.
    /// </summary>
    public OnnxSuitability FitSuitability()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor weights = tensor(Weights([.. _records.Select(r => r.Label)]), [_records.Length, 1]);
        Tensor features = Matrix(_features), statistics = Matrix(_statistics);
        (Tensor featureMean, Tensor featureProjection) = Whiten(features, weights, Directions);
        (Tensor statisticMean, Tensor statisticProjection) = Whiten(statistics, weights, (int)statistics.shape[1]);
        Tensor projection = block_diag(featureProjection, statisticProjection), mean = cat([featureMean, statisticMean], 0);
        Tensor distances = (cat([features, statistics], 1) - mean).matmul(projection).square().mean([1]);
        double[] sorted = distances.data<double>().ToArray(), shares = weights.contiguous().data<double>().ToArray();
        double middle = Quantiles.Weighted(sorted, shares, 0.5), outer = Quantiles.Weighted(sorted, shares, 0.95);
        return new(
            mean.to(ScalarType.Float32).data<float>().ToArray(), projection.to(ScalarType.Float32).contiguous().data<float>().ToArray(),
            middle, Math.Max(1e-6, (outer - middle) / Math.Log(5)));
    }

    /// <summary>Writes the index of similar cases: up to a fixed number of images of each class, spread over the data set.</summary>
    public void WriteIndex(string folder)
    {
        int[] chosen = [.. Enumerable.Range(0, _records.Length)
            .GroupBy(i => _records[i].Label).OrderBy(g => g.Key)
            .SelectMany(g => g.Where((_, k) => k * IndexedPerClass / g.Count() != (k - 1) * IndexedPerClass / g.Count() || g.Count() <= IndexedPerClass))];
        SimilarCases.Write(folder, [.. chosen.Select(i => new NamedCase(_records[i].Id, LesionClasses.Codes[_records[i].Label]))],
            [.. chosen.Select(i => _features[i])]);
    }

    /// <summary>[n]: the suitability of these images by <paramref name="suitability"/>, computed without the graph; 0 to 1.</summary>
    public double[] SuitabilityBy(OnnxSuitability suitability)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mean = tensor(suitability.Mean.ToArray()).to(ScalarType.Float64),
            projection = tensor(suitability.Projection.ToArray()).to(ScalarType.Float64).view(suitability.Mean.Count, -1);
        Tensor distances = (cat([Matrix(_features), Matrix(_statistics)], 1) - mean).matmul(projection).square().mean([1]);
        return (-(distances - suitability.Offset).clamp_min(0) / suitability.Scale).exp().data<double>().ToArray();
    }

    private static Tensor Matrix(float[][] rows) => tensor(rows.SelectMany(r => r).ToArray(), [rows.Length, rows[0].Length]).to(ScalarType.Float64);

    /// <summary>[n], summing to 1: the weight of each class is proportional to the square root of its number of images.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    public static double[] Weights(IReadOnlyList<int> labels)
    {
        Dictionary<int, double> each = labels.GroupBy(l => l).ToDictionary(g => g.Key, g => 1 / Math.Sqrt(g.Count()));
        double sum = labels.Sum(l => each[l]);
        return [.. labels.Select(l => each[l] / sum)];
    }

    private static (Tensor Mean, Tensor Projection) Whiten(Tensor rows, Tensor weights, int directions)
    {
        Tensor mean = (rows * weights).sum([0L]), centerd = rows - mean;
        (Tensor values, Tensor vectors) = linalg.eigh(centerd.t().matmul(centerd * weights));
        int kept = (int)Math.Min(directions, values.shape[0]);
        Tensor largest = values.flip(0)[..kept].clamp_min(0), main = vectors.flip(1)[.., ..kept];
        return (mean, main / (largest + (largest.mean() * Shrinkage) + 1e-12).sqrt());
    }

    /// <summary>The means, then the standard deviations of the three channels of pixels in 0 to 1, as the graph takes them.</summary>
    private static float[] PixelStatistics(byte[] pixels)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = tensor(pixels, [pixels.Length / 3, 3]).to(ScalarType.Float32) / 255;
        return [.. values.mean([0]).data<float>().ToArray(), .. values.std([0], unbiased: false).data<float>().ToArray()];
    }

    /// <summary>Collects the features of images, batch by batch.</summary>
    /// <param name="data">The data set of the images.</param>
    public sealed class Collector(LesionDataSet data)
    {
        private readonly List<LesionRecord> _records = [];
        private readonly List<float[]> _features = [], _statistics = [];

        /// <summary>Adds a batch.</summary>
        /// <param name="images">[b]: the images.</param>
        /// <param name="pixels">[b]: their pixels uint8 [s, s, 3].</param>
        /// <param name="output">What the graph computed for them.</param>
        public void Add(IReadOnlyList<int> images, IReadOnlyList<byte[]> pixels, EnsembleOutput output)
        {
            for (int i = 0; i < images.Count; i++)
            {
                _records.Add(data.Records[images[i]]);
                _features.Add(output.Features(i)!);
                _statistics.Add([.. output.StageStatistics(i) ?? [], .. PixelStatistics(pixels[i])]); // a vision transformer has no stages
            }
        }

        public ImageFeatures ToFeatures() => new([.. _records], [.. _features], [.. _statistics]);
    }
}
