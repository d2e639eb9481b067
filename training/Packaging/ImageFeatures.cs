using Lentigo.Core;
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

    private readonly int[] _images;
    private readonly float[][] _features;
    private readonly float[][] _statistics;

    private ImageFeatures(int[] images, float[][] features, float[][] statistics) => (_images, _features, _statistics) = (images, features, statistics);

    /// <summary>Runs the graph on images.</summary>
    /// <param name="model">The package, whose graph gives features.</param>
    /// <param name="data">The data set.</param>
    /// <param name="images">The images.</param>
    public static ImageFeatures Compute(EnsembleModel model, LesionDataSet data, int[] images)
    {
        List<float[]> features = [], statistics = [];
        foreach (int[] batch in images.Chunk(Batch))
        {
            byte[][] pixels = [.. batch.Select(data.PixelsOf)];
            EnsembleOutput output = model.Classify([.. pixels.SelectMany(p => p)], batch.Length);
            for (int i = 0; i < batch.Length; i++)
            {
                features.Add(output.Features(i)!);
                statistics.Add([.. output.StageStatistics(i)!, .. PixelStatistics(pixels[i])]);
            }
        }

        return new(images, [.. features], [.. statistics]);
    }

    /// <summary>
    /// The squared Mahalanobis distance to the training images (Lee et al. 2018, arXiv:1807.03888), along the main directions of the features and all of the statistics
    /// of colours and early channels, as a score that is 1 for one half of the images and 0.2 for the outermost twentieth.
    /// </summary>
    public OnnxSuitability FitSuitability()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor features = Matrix(_features), statistics = Matrix(_statistics);
        (Tensor featureMean, Tensor featureProjection) = Whiten(features, Directions);
        (Tensor statisticMean, Tensor statisticProjection) = Whiten(statistics, (int)statistics.shape[1]);
        Tensor projection = block_diag(featureProjection, statisticProjection), mean = cat([featureMean, statisticMean], 0);
        Tensor distances = (cat([features, statistics], 1) - mean).matmul(projection).square().mean([1]);
        double middle = distances.quantile(tensor(0.5, ScalarType.Float64)).item<double>(), outer = distances.quantile(tensor(0.95, ScalarType.Float64)).item<double>();
        return new(
            [.. mean.to(ScalarType.Float32).data<float>()], [.. projection.to(ScalarType.Float32).contiguous().data<float>()],
            middle, Math.Max(1e-6, (outer - middle) / Math.Log(5)));
    }

    /// <summary>Writes the index of similar cases: of each class as many images as are wanted, spread over the data set.</summary>
    public void WriteIndex(string folder, LesionDataSet data)
    {
        int[] chosen = [.. Enumerable.Range(0, _images.Length)
            .GroupBy(i => data.Records[_images[i]].Label).OrderBy(g => g.Key)
            .SelectMany(g => g.Where((_, k) => k * IndexedPerClass / g.Count() != (k - 1) * IndexedPerClass / g.Count() || g.Count() <= IndexedPerClass))];
        SimilarCases.Write(folder, [.. chosen.Select(i => new NamedCase(data.Records[_images[i]].Id, LesionClasses.Codes[data.Records[_images[i]].Label]))], [.. chosen.Select(i => _features[i])]);
    }

    private static Tensor Matrix(float[][] rows) => tensor(rows.SelectMany(r => r).ToArray(), [rows.Length, rows[0].Length]).to(ScalarType.Float64);

    private static (Tensor Mean, Tensor Projection) Whiten(Tensor rows, int directions)
    {
        Tensor mean = rows.mean([0]), centred = rows - mean;
        (Tensor values, Tensor vectors) = linalg.eigh(centred.t().matmul(centred) / rows.shape[0]);
        int kept = (int)Math.Min(directions, values.shape[0]);
        Tensor largest = values.flip(0)[..kept].clamp_min(0), main = vectors.flip(1)[.., ..kept];
        return (mean, main / (largest + (largest.mean() * Shrinkage) + 1e-12).sqrt());
    }

    /// <summary>The means, then the standard deviations of the three channels of pixels in 0 to 1, as the graph takes them.</summary>
    private static float[] PixelStatistics(byte[] pixels)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = tensor(pixels, [pixels.Length / 3, 3]).to(ScalarType.Float32) / 255;
        return [.. values.mean([0]).data<float>(), .. values.std([0], unbiased: false).data<float>()];
    }
}
