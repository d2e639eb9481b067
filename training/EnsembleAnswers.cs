using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Training.Data;

namespace Lentigo.Training;

/// <summary>What a package's graph answers on images of a data set, through the code that serves.</summary>
public sealed class EnsembleAnswers
{
    private const int Batch = 32;

    private EnsembleAnswers(IReadOnlyList<int> images, float[][] logits, double[][] probabilities, IReadOnlyDictionary<string, double[][]> members)
    {
        Images = images;
        Logits = logits;
        Probabilities = probabilities;
        Members = members;
    }

    /// <summary>[n]: the images, as indices into the data set.</summary>
    public IReadOnlyList<int> Images { get; }

    /// <summary>[n][7]: the ensemble's logits, before temperature.</summary>
    public float[][] Logits { get; }

    /// <summary>[n][7]: the ensemble's probabilities.</summary>
    public double[][] Probabilities { get; }

    /// <summary>[n][7] by member.</summary>
    public IReadOnlyDictionary<string, double[][]> Members { get; }

    /// <summary>Runs the graph.</summary>
    /// <param name="model">The loaded package.</param>
    /// <param name="data">The data set, at the package's input size.</param>
    /// <param name="images">The images to classify.</param>
    /// <param name="change">What to do with the pixels uint8 [s, s, 3] before; null for nothing.</param>
    public static EnsembleAnswers Compute(EnsembleModel model, LesionDataSet data, IReadOnlyList<int> images, Func<byte[], byte[]>? change = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(data);
        double temperature = model.Manifest.Temperature;
        List<float[]> logits = [];
        List<double[]> probabilities = [];
        List<double[]>[] members = [.. model.Manifest.Members.Select(_ => new List<double[]>())];
        foreach (int[] batch in images.Chunk(Batch))
        {
            byte[] pixels = [.. batch.SelectMany(i => change is null ? data.PixelsOf(i) : change(data.PixelsOf(i)))];
            EnsembleOutput output = model.Classify(pixels, batch.Length);
            for (int i = 0; i < batch.Length; i++)
            {
                logits.Add(output.Logits(i).ToArray());
                probabilities.Add(EnsembleOutput.Softmax(output.Logits(i), temperature));
                for (int k = 0; k < members.Length; k++)
                {
                    members[k].Add(EnsembleOutput.Softmax(output.MemberLogits(i, k), temperature));
                }
            }
        }

        return new(images, [.. logits], [.. probabilities], model.Manifest.Members.Select((m, k) => (m.Name, Rows: members[k].ToArray())).ToDictionary(m => m.Name, m => m.Rows));
    }

    /// <summary>The metrics, where every image has a label.</summary>
    public EvaluationReport Evaluate(string model, LesionDataSet data, string subset)
    {
        ArgumentNullException.ThrowIfNull(data);
        int[] labels = [.. Images.Select(i => data.Records[i].Label)];
        string[] strata = [.. Images.Select(i => data.Records[i].Stratum)];
        Dictionary<string, ClassificationMetrics>? apart = strata.Distinct().Count() < 2 ? null : strata.Distinct().Order(StringComparer.Ordinal).ToDictionary(s => s, s =>
        {
            int[] at = [.. Enumerable.Range(0, labels.Length).Where(i => strata[i] == s)];
            return ClassificationMetrics.Compute([.. at.Select(i => labels[i])], [.. at.Select(i => Probabilities[i])]);
        });
        return new(
            model, data.Name, subset,
            ClassificationMetrics.Compute(labels, Probabilities),
            Members.ToDictionary(m => m.Key, m => ClassificationMetrics.Compute(labels, m.Value)))
        {
            Strata = apart,
        };
    }
}
