using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Tests.Evaluation;

public class ClassificationMetricsTests
{
    [Fact]
    public void Metrics_equal_those_of_scikit_learn()
    {
        // labels 0 0 0 1 1 2 2 2 2 4, predictions 0 0 1 1 1 2 2 0 3 4. Expected values worked out by hand from the definitions that
        // sklearn.metrics documents (precision_recall_fscore_support with zero_division=0, balanced_accuracy_score).
        int[] labels = [0, 0, 0, 1, 1, 2, 2, 2, 2, 4];
        int[] predictions = [0, 0, 1, 1, 1, 2, 2, 0, 3, 4];
        ClassificationMetrics metrics = ClassificationMetrics.Compute(labels, [.. predictions.Select(p => OneHot(p))]);

        Assert.Equal(0.7, metrics.Accuracy, 12);
        Assert.Equal((2 / 3.0 + 2 / 3.0 + 1 + 0 + 1) / 5, metrics.MacroPrecision, 12);
        Assert.Equal((2 / 3.0 + 1 + 0.5 + 0 + 1) / 5, metrics.MacroRecall, 12);
        Assert.Equal((2 / 3.0 + 0.8 + 2 / 3.0 + 0 + 1) / 5, metrics.MacroF1, 12);
        Assert.Equal((3 * 2 / 3.0 + 2 * 2 / 3.0 + 4 * 1.0 + 1) / 10, metrics.WeightedPrecision, 12);
        Assert.Equal(metrics.Accuracy, metrics.WeightedRecall, 12);
        Assert.Equal((3 * 2 / 3.0 + 2 * 0.8 + 4 * 2 / 3.0 + 1) / 10, metrics.WeightedF1, 12);
        Assert.Equal((2 / 3.0 + 1 + 0.5 + 1) / 4, metrics.BalancedAccuracy, 12);
        Assert.Equal(10, metrics.Count);
        Assert.Equal([1, 0, 2, 1, 0, 0, 0], metrics.ConfusionMatrix[2]);
        Assert.Equal(4, metrics.Classes[2].Support);
        Assert.Equal(2, metrics.Classes[2].Predicted);
    }

    [Fact]
    public void Auc_is_the_chance_that_a_positive_scores_higher_with_ties_counting_half()
    {
        // Pairs (positive, negative): (0.9,0.8)+ (0.9,0.5)+ (0.9,0.1)+ (0.5,0.8)- (0.5,0.5)half (0.5,0.1)+ : 4.5 of 6.
        Assert.Equal(0.75, ClassificationMetrics.Auc([true, false, true, false, false], [0.9, 0.8, 0.5, 0.5, 0.1])!.Value, 12);
        Assert.Null(ClassificationMetrics.Auc([true, true], [0.1, 0.2]));
    }

    [Fact]
    public void Auc_of_a_class_without_images_is_left_out_of_the_mean()
    {
        ClassificationMetrics metrics = ClassificationMetrics.Compute([0, 1], [OneHot(0), OneHot(1)]);
        Assert.Equal(1, metrics.MacroAuc!.Value, 12);
        Assert.Null(metrics.Classes[6].Auc);
    }

    [Fact]
    public void Log_loss_is_the_mean_negative_log_of_the_labels_probability()
    {
        ClassificationMetrics metrics = ClassificationMetrics.Compute([0, 1], [[0.5, 0.5, 0, 0, 0, 0, 0], [0.75, 0.25, 0, 0, 0, 0, 0]]);
        Assert.Equal(-(Math.Log(0.5) + Math.Log(0.25)) / 2, metrics.LogLoss, 12);
    }

    [Fact]
    public void No_labels_and_wrong_labels_are_refused_with_a_sentence()
    {
        Assert.Contains("no labeled images", Assert.Throws<ArgumentException>(() => ClassificationMetrics.Compute([], [])).Message, StringComparison.Ordinal);
        Assert.Contains("Label 7", Assert.Throws<ArgumentException>(() => ClassificationMetrics.Compute([7], [OneHot(0)])).Message, StringComparison.Ordinal);
    }

    private static double[] OneHot(int c) => [.. Enumerable.Range(0, 7).Select(i => i == c ? 1.0 : 0.0)];

    [Fact]
    public void The_malignant_AUC_ranks_the_sum_of_the_malignant_probabilities()
    {
        // akiec, bcc and mel against the others; by hand: sums 0.7, 0.5 (malignant) against 0.6, 0.1 (benign): 3 of 4 pairs are in order.
        double[][] probabilities =
        [
            [0.3, 0.3, 0.1, 0.1, 0.1, 0.1, 0],
            [0, 0, 0.2, 0.2, 0.5, 0.1, 0],
            [0.2, 0.2, 0.2, 0.2, 0.2, 0, 0],
            [0.1, 0, 0, 0, 0, 0.9, 0],
        ];
        Assert.Equal(0.75, ClassificationMetrics.Compute([0, 4, 2, 5], probabilities).MalignantAuc!.Value, 12);
        Assert.Null(ClassificationMetrics.Compute([2, 5], probabilities[2..]).MalignantAuc);
    }
}
