using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Tests.Evaluation;

public class CurvesTests
{
    // scikit-learn's documented example: y = [0, 0, 1, 1], scores = [0.1, 0.4, 0.35, 0.8].
    private static readonly bool[] Positives = [false, false, true, true];
    private static readonly double[] Scores = [0.1, 0.4, 0.35, 0.8];

    [Fact]
    public void Roc_curve_equals_scikit_learns_example()
    {
        RocCurve roc = RocCurve.Compute(Positives, Scores)!;
        Assert.Equal([(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)], roc.Points.Select(p => (p.FalsePositiveRate, p.TruePositiveRate)));
        Assert.Equal([double.PositiveInfinity, 0.8, 0.4, 0.35, 0.1], roc.Points.Select(p => p.Threshold));
        Assert.Equal(0.75, roc.Area, 12);
    }

    [Fact]
    public void Precision_recall_curve_and_average_precision_equal_scikit_learns_example()
    {
        PrecisionRecallCurve curve = PrecisionRecallCurve.Compute(Positives, Scores)!;
        Assert.Equal([(0.5, 1), (0.5, 0.5), (1, 2 / 3.0), (1, 0.5)], curve.Points.Select(p => (p.Recall, p.Precision)));
        Assert.Equal(0.8333333333, curve.AveragePrecision, 9); // average_precision_score's documented 0.83
    }

    [Fact]
    public void Equal_scores_share_a_point()
    {
        RocCurve roc = RocCurve.Compute([true, false, true, false, false], [0.9, 0.8, 0.5, 0.5, 0.1])!;
        Assert.Equal([(0, 0), (0, 0.5), (1 / 3.0, 0.5), (2 / 3.0, 1), (1, 1)], roc.Points.Select(p => (p.FalsePositiveRate, p.TruePositiveRate)));
        Assert.Equal(ClassificationMetrics.Auc([true, false, true, false, false], [0.9, 0.8, 0.5, 0.5, 0.1])!.Value, roc.Area, 12);
    }

    [Fact]
    public void A_class_without_images_has_no_curve()
    {
        Assert.Null(RocCurve.Compute([true, true], [0.1, 0.2]));
        Assert.Null(RocCurve.Compute([false], [0.1]));
        Assert.Null(PrecisionRecallCurve.Compute([false], [0.1]));
        Assert.Throws<ArgumentException>(() => RocCurve.Compute([true], [0.1, 0.2]));
    }

    [Fact]
    public void Sensitivity_at_a_specificity_takes_the_best_threshold_that_keeps_it()
    {
        // Ten negatives with scores 0.0 .. 0.9, four positives.
        bool[] positives = [.. Enumerable.Repeat(false, 10), true, true, true, true];
        double[] scores = [.. Enumerable.Range(0, 10).Select(i => i / 10.0), 0.95, 0.85, 0.75, 0.05];
        RocCurve roc = RocCurve.Compute(positives, scores)!;
        RocPoint point = roc.AtSpecificity(0.8); // two false alarms allowed: 0.9 and 0.8
        Assert.Equal((0.2, 0.75, 0.75), (point.FalsePositiveRate, point.TruePositiveRate, point.Threshold));
        Assert.Equal(0.25, roc.AtSpecificity(1).TruePositiveRate);
        Assert.Equal(1, roc.AtSpecificity(0).TruePositiveRate);
    }

    [Fact]
    public void Reliability_bins_and_expected_calibration_error_follow_their_definition()
    {
        // Confidences 0.9 (right), 0.7 (wrong), 0.6 (right), 0.5 (wrong) in five bins of 0.2: (0.4, 0.6] holds 0.6 and 0.5, (0.6, 0.8] 0.7, (0.8, 1] 0.9.
        Reliability reliability = Reliability.Compute([0, 1, 0, 1], [Row(0.9), Row(0.7), Row(0.6), Row(0.5)], bins: 5);
        Assert.Equal([0, 0, 2, 1, 1], reliability.Bins.Select(b => b.Count));
        Assert.Equal(0.55, reliability.Bins[2].Confidence!.Value, 12);
        Assert.Equal(0.5, reliability.Bins[2].Accuracy!.Value, 12);
        Assert.Null(reliability.Bins[0].Accuracy);
        Assert.Equal((2 * 0.05 + 0.7 + 0.1) / 4, reliability.ExpectedCalibrationError, 12);
    }

    [Fact]
    public void Certain_and_right_is_perfectly_calibrated()
    {
        Reliability reliability = Reliability.Compute([0, 0], [Row(1), Row(1)]);
        Assert.Equal(0, reliability.ExpectedCalibrationError);
        Assert.Equal(2, reliability.Bins[^1].Count);
    }

    private static double[] Row(double first) => [first, 1 - first, 0, 0, 0, 0, 0];
}
