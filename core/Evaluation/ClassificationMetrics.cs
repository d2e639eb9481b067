namespace Lentigo.Core.Evaluation;

/// <summary>
/// Metrics of a classifier over n labeled images. Undefined precision, recall and F1 are 0; macro averages cover the classes that occur among labels or
/// predictions, as in scikit-learn.
/// </summary>
public sealed record ClassificationMetrics
{
    /// <summary>The lower bound of probabilities in the log loss, as in scikit-learn.</summary>
    internal const double LeastProbability = 1e-15;

    /// <summary>The share of images whose most probable class is the label.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Mean precision over classes.</summary>
    public required double MacroPrecision { get; init; }

    /// <summary>Mean recall over classes.</summary>
    public required double MacroRecall { get; init; }

    /// <summary>Mean F1 over classes.</summary>
    public required double MacroF1 { get; init; }

    /// <summary>Precision averaged over classes, weighted by support.</summary>
    public required double WeightedPrecision { get; init; }

    /// <summary>Recall averaged over classes, weighted by support, which equals <see cref="Accuracy"/>.</summary>
    public required double WeightedRecall { get; init; }

    /// <summary>F1 averaged over classes, weighted by support.</summary>
    public required double WeightedF1 { get; init; }

    /// <summary>Mean recall over the classes that occur among the labels.</summary>
    public required double BalancedAccuracy { get; init; }

    /// <summary>Mean area under the ROC curve, one-vs-rest, over the classes that have both positive and negative images; null if there are none.</summary>
    public double? MacroAuc { get; init; }

    /// <summary>
    /// Area under the ROC curve of the malignant and premalignant classes together (the sum of their probabilities) against the benign ones; null if either
    /// group has no images.
    /// </summary>
    public double? MalignantAuc { get; init; }

    /// <summary>The mean negative log likelihood of the labels, in nats.</summary>
    public required double LogLoss { get; init; }

    /// <summary>The number of images, n.</summary>
    public required int Count { get; init; }

    /// <summary>The metrics of each class, in the order of <see cref="LesionClasses.All"/>.</summary>
    public required IReadOnlyList<ClassMetrics> Classes { get; init; }

    /// <summary>[7][7]: the number of images with label i (row) and predicted class j (column).</summary>
    public required IReadOnlyList<IReadOnlyList<int>> ConfusionMatrix { get; init; }

    /// <summary>Computes the metrics.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">[n][7].</param>
    /// <exception cref="ArgumentException">There are no images, the counts differ, or a label is out of range.</exception>
    public static ClassificationMetrics Compute(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(probabilities);
        if (labels.Count == 0)
        {
            throw new ArgumentException("There are no labeled images to compute metrics over.", nameof(labels));
        }

        if (labels.Count != probabilities.Count)
        {
            throw new ArgumentException($"{labels.Count} labels, but {probabilities.Count} rows of probabilities.", nameof(probabilities));
        }

        int n = labels.Count, classes = LesionClasses.Count;
        int[][] confusion = [.. Enumerable.Range(0, classes).Select(_ => new int[classes])];
        double logLoss = 0;
        for (int i = 0; i < n; i++)
        {
            if (labels[i] < 0 || labels[i] >= classes)
            {
                throw new ArgumentException($"Label {labels[i]} of image {i} is not one of 0 to {classes - 1}.", nameof(labels));
            }

            confusion[labels[i]][ArgMax(probabilities[i])]++;
            logLoss -= Math.Log(Math.Max(probabilities[i][labels[i]], LeastProbability));
        }

        ClassMetrics[] rows = new ClassMetrics[classes];
        for (int c = 0; c < classes; c++)
        {
            int hits = confusion[c][c], support = confusion[c].Sum(), predicted = confusion.Sum(row => row[c]);
            double precision = predicted == 0 ? 0 : (double)hits / predicted, recall = support == 0 ? 0 : (double)hits / support;
            rows[c] = new(
                LesionClasses.All[c].Code, support, predicted, precision, recall,
                precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall),
                Auc([.. labels.Select(l => l == c)], [.. probabilities.Select(p => p[c])]));
        }

        ClassMetrics[] occurring = [.. rows.Where(r => r.Support + r.Predicted > 0)];
        double[] aucs = [.. rows.Where(r => r.Auc is not null).Select(r => r.Auc!.Value)];
        return new()
        {
            Accuracy = (double)rows.Select((_, c) => confusion[c][c]).Sum() / n,
            MacroPrecision = occurring.Average(r => r.Precision),
            MacroRecall = occurring.Average(r => r.Recall),
            MacroF1 = occurring.Average(r => r.F1),
            WeightedPrecision = rows.Sum(r => r.Precision * r.Support) / n,
            WeightedRecall = rows.Sum(r => r.Recall * r.Support) / n,
            WeightedF1 = rows.Sum(r => r.F1 * r.Support) / n,
            BalancedAccuracy = rows.Where(r => r.Support > 0).Average(r => r.Recall),
            MacroAuc = aucs.Length == 0 ? null : aucs.Average(),
            MalignantAuc = Auc([.. labels.Select(l => LesionClasses.All[l].Malignant)], [.. probabilities.Select(LesionClasses.MalignantProbability)]),
            LogLoss = logLoss / n,
            Count = n,
            Classes = rows,
            ConfusionMatrix = confusion,
        };
    }

    /// <summary>
    /// The area under the ROC curve: the probability that a positive image scores above a negative one, with ties counted as half (Mann-Whitney; Hanley and
    /// McNeil 1982). Null if there are no positives or no negatives.
    /// </summary>
    public static double? Auc(IReadOnlyList<bool> positives, IReadOnlyList<double> scores)
    {
        ArgumentNullException.ThrowIfNull(positives);
        ArgumentNullException.ThrowIfNull(scores);
        int[] order = [.. Enumerable.Range(0, scores.Count).OrderBy(i => scores[i])];
        double rankSum = 0;
        long positive = positives.LongCount(p => p), negative = positives.Count - positive;
        for (int start = 0; start < order.Length;)
        {
            int end = start;
            while (end < order.Length && scores[order[end]] == scores[order[start]])
            {
                end++;
            }

            double rank = (start + 1 + end) / 2.0; // the mean of the ranks start + 1 .. end
            for (int k = start; k < end; k++)
            {
                rankSum += positives[order[k]] ? rank : 0;
            }

            start = end;
        }

        return positive == 0 || negative == 0 ? null : (rankSum - positive * (positive + 1) / 2.0) / ((double)positive * negative);
    }

    private static int ArgMax(double[] values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            best = values[i] > values[best] ? i : best;
        }

        return best;
    }
}

/// <summary>The one-vs-rest metrics of a class.</summary>
/// <param name="Code">The class's <c>dx</c> code.</param>
/// <param name="Support">The number of images with this label.</param>
/// <param name="Predicted">The number of images predicted as this class.</param>
/// <param name="Precision">True positives divided by <paramref name="Predicted"/>.</param>
/// <param name="Recall">True positives divided by <paramref name="Support"/>: the sensitivity.</param>
/// <param name="F1">The harmonic mean of precision and recall.</param>
/// <param name="Auc">The one-vs-rest area under the ROC curve; null if there are no positive or no negative images.</param>
public sealed record ClassMetrics(string Code, int Support, int Predicted, double Precision, double Recall, double F1, double? Auc);

/// <summary>The metrics of an ensemble and of each of its members on the same images: the document of <c>evaluate --json</c>.</summary>
/// <param name="Model">The model's name and version.</param>
/// <param name="Data">The evaluated data set.</param>
/// <param name="Subset"><c>train</c>, <c>val</c>, <c>test</c> or <c>all</c>.</param>
/// <param name="Ensemble">The ensemble's metrics.</param>
/// <param name="Members">Each member's metrics by name.</param>
public sealed record EvaluationReport(
    string Model,
    string Data,
    string Subset,
    ClassificationMetrics Ensemble,
    IReadOnlyDictionary<string, ClassificationMetrics> Members)
{
    /// <summary>The ensemble's metrics by original resolution of the images, e.g. <c>220</c>; null if all images have the same resolution.</summary>
    public IReadOnlyDictionary<string, ClassificationMetrics>? Strata { get; init; }

    /// <summary>[7]: the class prior of the metrics; null if the model has none.</summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>The metrics with predictions re-weighted for equally frequent classes (<see cref="ClassPrior"/>); null if the model has no prior.</summary>
    public PriorMetrics? Uniform { get; init; }

    /// <summary>'decision support, not a diagnosis'.</summary>
    public string Notice { get; init; } = LesionClasses.Notice;
}

/// <summary>Metrics under another class prior.</summary>
/// <param name="Ensemble">The ensemble's metrics.</param>
/// <param name="Members">Each member's metrics by name.</param>
public sealed record PriorMetrics(ClassificationMetrics Ensemble, IReadOnlyDictionary<string, ClassificationMetrics> Members);
