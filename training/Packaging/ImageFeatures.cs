using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Predictions;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Packaging;

/// <summary>What an ensemble's graph sees in training images: the base of suitability and of similar cases.</summary>
internal sealed class ImageFeatures
{
    /// <summary>Directions of the features that suitability looks along: those in which training images differ most.</summary>
    private const int Directions = 64;

    /// <summary>The most images of each class in the index of similar cases, which bounds its size.</summary>
    private const int IndexedPerClass = 300;

    /// <summary>The share of the mean variance that is added to each direction's, so that directions in which training images hardly differ do not decide alone.</summary>
    private const double Shrinkage = 0.05;

    private const int Batch = 32;

    private readonly LesionRecord[] _records;
    private readonly float[][] _features;
    private readonly float[][] _statistics;

    private ImageFeatures(LesionRecord[] records, float[][] features, float[][] statistics) => (_records, _features, _statistics) = (records, features, statistics);

    /// <summary>Runs the graph on images.</summary>
    /// <param name="model">The package, whose graph gives features.</param>
    /// <param name="data">The data set.</param>
    /// <param name="images">The images.</param>
    /// <param name="vary">Whether each image is sharpened or blurred as <see cref="SharpnessVariation"/> does, instead of being taken as it is.</param>
    public static ImageFeatures Compute(EnsembleModel model, LesionDataSet data, IReadOnlyList<int> images, bool vary = false)
    {
        List<float[]> features = [], statistics = [];
        foreach (int[] batch in images.Chunk(Batch))
        {
            byte[][] pixels = [.. batch.Select(i => vary ? SharpnessVariation.Of(data.PixelsOf(i), data.Size, seed: i) : data.PixelsOf(i))];
            EnsembleOutput output = model.Classify([.. pixels.SelectMany(p => p)], batch.Length);
            for (int i = 0; i < batch.Length; i++)
            {
                features.Add(output.Features(i)!);
                statistics.Add([.. output.StageStatistics(i) ?? [], .. PixelStatistics(pixels[i])]); // a vision transformer alone has no stages to tell of
            }
        }

        return new([.. images.Select(i => data.Records[i])], [.. features], [.. statistics]);
    }

    /// <summary>These images and others.</summary>
    public ImageFeatures With(ImageFeatures others) => new([.. _records, .. others._records], [.. _features, .. others._features], [.. _statistics, .. others._statistics]);

    /// <summary>
    /// The squared Mahalanobis distance to the training images (Lee et al. 2018, arXiv:1807.03888), along the main directions of the features and all of the statistics
    /// of colours and early channels, as a score that is 1 for one half of the images and 0.2 for the outermost twentieth. A class counts by the root of its number of
    /// images: the many nevi alone would make the rare classes look unusual.
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

    /// <summary>Writes the index of similar cases: of each class as many images as are wanted, spread over the data set.</summary>
    public void WriteIndex(string folder)
    {
        int[] chosen = [.. Enumerable.Range(0, _records.Length)
            .GroupBy(i => _records[i].Label).OrderBy(g => g.Key)
            .SelectMany(g => g.Where((_, k) => k * IndexedPerClass / g.Count() != (k - 1) * IndexedPerClass / g.Count() || g.Count() <= IndexedPerClass))];
        SimilarCases.Write(folder, [.. chosen.Select(i => new NamedCase(_records[i].Id, LesionClasses.Codes[_records[i].Label]))], [.. chosen.Select(i => _features[i])]);
    }

    /// <summary>What the graph gives for these images by <paramref name="suitability"/>, computed here: [n], 0 to 1.</summary>
    public double[] SuitabilityBy(OnnxSuitability suitability)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mean = tensor(suitability.Mean.ToArray()).to(ScalarType.Float64), projection = tensor(suitability.Projection.ToArray()).to(ScalarType.Float64).view(suitability.Mean.Count, -1);
        Tensor distances = (cat([Matrix(_features), Matrix(_statistics)], 1) - mean).matmul(projection).square().mean([1]);
        return (-(distances - suitability.Offset).clamp_min(0) / suitability.Scale).exp().data<double>().ToArray();
    }

    private static Tensor Matrix(float[][] rows) => tensor(rows.SelectMany(r => r).ToArray(), [rows.Length, rows[0].Length]).to(ScalarType.Float64);

    /// <summary>[n], summing to 1: each class together by the root of its number of images.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    public static double[] Weights(IReadOnlyList<int> labels)
    {
        Dictionary<int, double> each = labels.GroupBy(l => l).ToDictionary(g => g.Key, g => 1 / Math.Sqrt(g.Count()));
        double sum = labels.Sum(l => each[l]);
        return [.. labels.Select(l => each[l] / sum)];
    }

    private static (Tensor Mean, Tensor Projection) Whiten(Tensor rows, Tensor weights, int directions)
    {
        Tensor mean = (rows * weights).sum([0L]), centred = rows - mean;
        (Tensor values, Tensor vectors) = linalg.eigh(centred.t().matmul(centred * weights));
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
}
