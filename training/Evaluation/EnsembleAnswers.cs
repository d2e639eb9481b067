using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Trainers;

namespace Lentigo.Training.Evaluation;

/// <summary>
/// A package's predictions on a data set, computed by the code that serves. For an ensemble of folds they are out-of-fold predictions: each image is predicted
/// by
/// the members that were not trained on it.
/// </summary>
internal sealed class EnsembleAnswers
{
    private const int Batch = 32;

    private EnsembleAnswers(IReadOnlyList<int> images, IReadOnlyDictionary<int, int>? folds, float[][] logits, double[][] probabilities,
        IReadOnlyDictionary<string, float[][]> memberLogits, IReadOnlyDictionary<string, double[][]> members, double[]? suitability)
    {
        Images = images;
        Folds = folds;
        Logits = logits;
        Probabilities = probabilities;
        MemberLogits = memberLogits;
        Members = members;
        Suitability = suitability;
    }

    /// <summary>[n]: the images, as indices into the data set.</summary>
    public IReadOnlyList<int> Images { get; }

    /// <summary>The fold from 1 of each image, for out-of-fold predictions; null where all members predicted all images.</summary>
    public IReadOnlyDictionary<int, int>? Folds { get; }

    /// <summary>[n][7]: the ensemble's logits, before temperature.</summary>
    public float[][] Logits { get; }

    /// <summary>[n][7]: the ensemble's probabilities.</summary>
    public double[][] Probabilities { get; }

    /// <summary>[n][7] by member: its logits, before temperature; the members of one name in several folds count as one.</summary>
    public IReadOnlyDictionary<string, float[][]> MemberLogits { get; }

    /// <summary>[n][7] by member: its probabilities; the members of one name in several folds count as one.</summary>
    public IReadOnlyDictionary<string, double[][]> Members { get; }

    /// <summary>[n]: the suitability of each image, 0 to 1; null where the graph has none.</summary>
    public double[]? Suitability { get; }

    /// <summary>Runs the graph.</summary>
    /// <param name="model">The loaded package.</param>
    /// <param name="data">The data set, at the package's input size.</param>
    /// <param name="images">The images to classify.</param>
    /// <param name="change">Changes the pixels uint8 [s, s, 3] of an image, given its index, before inference; null for no change.</param>
    /// <param name="folds">The fold from 1 of each image, for out-of-fold predictions; null to use all members.</param>
    /// <param name="seen">Receives what the graph computed for each batch: the images, their pixels and the output.</param>
    public static EnsembleAnswers Compute(
        EnsembleModel model, LesionDataSet data, IReadOnlyList<int> images, Func<byte[], int, byte[]>? change = null, IReadOnlyDictionary<int,
            int>? folds = null, Action<int[], byte[][], EnsembleOutput>? seen = null)
    {
        ModelMember[] members = [.. model.Manifest.Members];
        string[] names = [.. members.Select(m => folds is null ? m.Name : TrainedMember.NameInFold(m.Name, m.Fold))];
        List<float[]> logits = [];
        List<double> suitability = [];
        Dictionary<string, List<float[]>> byName = names.Distinct().ToDictionary(name => name, _ => new List<float[]>());
        foreach (int[] batch in images.Chunk(Batch))
        {
            byte[][] pixels = [.. batch.Select(i => change is null ? data.PixelsOf(i) : change(data.PixelsOf(i), i))];
            EnsembleOutput output = model.Classify([.. pixels.SelectMany(p => p)], batch.Length);
            seen?.Invoke(batch, pixels, output);
            for (int i = 0; i < batch.Length; i++)
            {
                int[] asked = [.. Enumerable.Range(0, members.Length).Where(k => folds is null || members[k].Fold == folds[batch[i]])];
                float[] ensemble = folds is null ? output.Logits(i).ToArray()
                    : EnsembleOutput.Mean([.. asked.Select(k => output.MemberLogits(i, k).ToArray())]);
                logits.Add(ensemble);
                if (output.Suitability(i) is { } score)
                {
                    suitability.Add(score);
                }

                foreach (int k in asked)
                {
                    byName[names[k]].Add(output.MemberLogits(i, k).ToArray());
                }
            }
        }

        return Of(images, folds, [.. logits], byName.ToDictionary(m => m.Key, m => m.Value.ToArray()), model.Manifest.Temperature,
            suitability.Count == images.Count ? [.. suitability] : null);
    }

    /// <summary>The same logits with another temperature and the suitability that was fitted meanwhile.</summary>
    /// <param name="temperature">The temperature of the probabilities.</param>
    /// <param name="suitability">[n], or null for none.</param>
    public EnsembleAnswers With(double temperature, double[]? suitability) => Of(Images, Folds, Logits, MemberLogits, temperature, suitability);

    /// <summary>The predictions re-weighted for another class prior.</summary>
    /// <param name="source">[7]: their class prior.</param>
    /// <param name="target">[7]: the target class prior.</param>
    public EnsembleAnswers Reweighed(IReadOnlyList<double> source, IReadOnlyList<double> target)
    {
        double[][] All(IEnumerable<double[]> rows) => [.. rows.Select(row => ClassPrior.Reweigh(row, source, target))];
        return new(Images, Folds, Logits, All(Probabilities), MemberLogits, Members.ToDictionary(m => m.Key, m => All(m.Value)), Suitability);
    }

    private static EnsembleAnswers Of(IReadOnlyList<int> images, IReadOnlyDictionary<int, int>? folds, float[][] logits,
        IReadOnlyDictionary<string, float[][]> members, double temperature, double[]? suitability)
    {
        double[][] Probabilities(float[][] rows) => [.. rows.Select(row => EnsembleOutput.Softmax(row, temperature))];
        return new(images, folds, logits, Probabilities(logits), members, members.ToDictionary(m => m.Key, m => Probabilities(m.Value)), suitability);
    }

    /// <summary>The metrics, where every image has a label.</summary>
    /// <param name="model">The model's name and version.</param>
    /// <param name="data">The data set.</param>
    /// <param name="subset"><c>train</c>, <c>val</c>, <c>test</c> or <c>all</c>.</param>
    /// <param name="prior">
    /// [7]: the class prior of the predictions; null where it is unknown, in which case there are no metrics for equally frequent classes.
    /// </param>
    public EvaluationReport Evaluate(string model, LesionDataSet data, string subset, IReadOnlyList<double>? prior = null)
    {
        int[] labels = [.. Images.Select(i => data.Records[i].Label)];
        string[] strata = [.. Images.Select(i => data.Records[i].Stratum)];
        Dictionary<string, ClassificationMetrics>? byStratum = strata.Distinct().Count() < 2 ? null : strata.Distinct().Order(StringComparer.Ordinal)
            .ToDictionary(s => s, s =>
        {
            int[] at = [.. Enumerable.Range(0, labels.Length).Where(i => strata[i] == s)];
            return ClassificationMetrics.Compute([.. at.Select(i => labels[i])], [.. at.Select(i => Probabilities[i])]);
        });
        PriorMetrics Under(EnsembleAnswers answers) => new(
            ClassificationMetrics.Compute(labels, answers.Probabilities),
                answers.Members.ToDictionary(m => m.Key, m => ClassificationMetrics.Compute(labels, m.Value)));
        PriorMetrics metrics = Under(this);
        return new(model, data.Name, subset, metrics.Ensemble, metrics.Members)
        {
            Strata = byStratum,
            Prior = prior,
            Uniform = prior is null ? null : Under(Reweighed(prior, ClassPrior.UniformShares)),
        };
    }
}
