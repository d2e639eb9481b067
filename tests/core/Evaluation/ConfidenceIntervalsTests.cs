using System.Diagnostics;
using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Tests.Evaluation;

public class ConfidenceIntervalsTests
{
    [Fact]
    public void Interval_of_an_accuracy_is_that_of_the_binomial()
    {
        // 400 of 500 right: the normal approximation's 95 % interval is 0.8 +- 1.96 sqrt(0.8 * 0.2 / 500) = 0.8 +- 0.0351.
        int[] labels = new int[500];
        double[][] probabilities = [.. Enumerable.Range(0, 500).Select(i => OneHot(i < 400 ? 0 : 1))];
        ConfidenceIntervals intervals = ConfidenceIntervals.Compute(labels, probabilities, resamples: 4000, seed: 1);
        Assert.Equal(0.8, intervals.Accuracy.Value, 12);
        Assert.Equal(0.8 - 0.0351, intervals.Accuracy.Low, 0.005);
        Assert.Equal(0.8 + 0.0351, intervals.Accuracy.High, 0.005);
        Assert.Null(intervals.MacroAuc);
        Assert.Null(intervals.MelanomaSensitivity);
    }

    [Fact]
    public void Interval_of_an_auc_agrees_with_hanley_and_mcneil()
    {
        // Hanley and McNeil 1982: SE^2 = (A(1-A) + (P-1)(Q1-A^2) + (N-1)(Q2-A^2)) / (P N), Q1 = A / (2-A), Q2 = 2A^2 / (1+A).
        (int[] labels, double[][] probabilities) = Generated(600);
        ConfidenceIntervals intervals = ConfidenceIntervals.Compute(labels, probabilities, resamples: 2000);
        double a = intervals.MacroAuc!.Value, p = labels.Count(l => l == 4), n = labels.Length - p;
        double error = Math.Sqrt((a * (1 - a) + (p - 1) * (a / (2 - a) - a * a) + (n - 1) * (2 * a * a / (1 + a) - a * a)) / (p * n));
        Assert.Equal(2 * 1.96 * error, intervals.MacroAuc.High - intervals.MacroAuc.Low, 0.25 * 2 * 1.96 * error);
    }

    [Fact]
    public void Values_are_those_of_the_metrics_and_lie_in_their_intervals()
    {
        (int[] labels, double[][] probabilities) = Generated(300);
        ConfidenceIntervals intervals = ConfidenceIntervals.Compute(labels, probabilities);
        ClassificationMetrics metrics = ClassificationMetrics.Compute(labels, probabilities);
        RocCurve melanoma = RocCurve.Compute([.. labels.Select(l => l == 4)], [.. probabilities.Select(p => p[4])])!;
        Assert.Equal(metrics.Accuracy, intervals.Accuracy.Value, 12);
        Assert.Equal(metrics.BalancedAccuracy, intervals.BalancedAccuracy.Value, 12);
        Assert.Equal(metrics.MacroAuc!.Value, intervals.MacroAuc!.Value, 12);
        Assert.Equal(metrics.MalignantAuc!.Value, intervals.MalignantAuc!.Value, 12);
        Assert.Equal(melanoma.AtSpecificity(0.8).TruePositiveRate, intervals.MelanomaSensitivity!.Value, 12);
        foreach (ConfidenceInterval interval in new[] { intervals.Accuracy, intervals.BalancedAccuracy, intervals.MacroAuc, intervals.MalignantAuc,
            intervals.MelanomaSensitivity })
        {
            Assert.InRange(interval.Value, interval.Low, interval.High);
            Assert.True(interval.Low < interval.High);
        }
    }

    [Fact]
    public void One_seed_gives_one_interval_and_another_a_different_one()
    {
        (int[] labels, double[][] probabilities) = Generated(100);
        ConfidenceIntervals first = ConfidenceIntervals.Compute(labels, probabilities, 200, seed: 7);
        Assert.Equal(first, ConfidenceIntervals.Compute(labels, probabilities, 200, seed: 7));
        Assert.NotEqual(first, ConfidenceIntervals.Compute(labels, probabilities, 200, seed: 8));
    }

    [Fact]
    public void A_perfect_classifier_has_intervals_of_no_width()
    {
        int[] labels = [0, 1, 2, 3, 4, 5, 6, 4];
        ConfidenceIntervals intervals = ConfidenceIntervals.Compute(labels, [.. labels.Select(OneHot)], 500);
        Assert.Equal(new(1, 1, 1), intervals.Accuracy);
        Assert.Equal(new(1, 1, 1), intervals.MacroAuc);
        Assert.Equal(new(1, 1, 1), intervals.MelanomaSensitivity);
    }

    [Fact]
    public void A_thousand_draws_of_two_thousand_images_take_seconds()
    {
        (int[] labels, double[][] probabilities) = Generated(2000);
        Stopwatch time = Stopwatch.StartNew();
        ConfidenceIntervals.Compute(labels, probabilities);
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(20), $"took {time.Elapsed}");
    }

    // Nevi and melanomas whose scores are two overlapping normal distributions, rounded so that ties occur.
    private static (int[] Labels, double[][] Probabilities) Generated(int n)
    {
        Random random = new(3);
        int[] labels = [.. Enumerable.Range(0, n).Select(i => i % 3 == 0 ? 4 : 5)];
        return (labels, [.. labels.Select(label =>
        {
            double normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            double melanoma = Math.Round(1 / (1 + Math.Exp(-normal - (label == 4 ? 0.7 : -0.7))), 3);
            return new[] { 0, 0, 0, 0, melanoma, 1 - melanoma, 0 };
        })]);
    }

    private static double[] OneHot(int c) => [.. Enumerable.Range(0, 7).Select(i => i == c ? 1.0 : 0.0)];

    [Fact]
    public void Images_of_one_group_are_drawn_together()
    {
        (int[] labels, double[][] probabilities) = Generated(60);
        // Every image four times, as four photographs of a lesion: they say no more than one does.
        int[] fourLabels = [.. Enumerable.Repeat(labels, 4).SelectMany(l => l)];
        double[][] four = [.. Enumerable.Repeat(probabilities, 4).SelectMany(p => p)];
        string[] lesions = [.. Enumerable.Range(0, four.Length).Select(i => $"lesion{i % labels.Length}")];
        ConfidenceIntervals once = ConfidenceIntervals.Compute(labels, probabilities, 500, seed: 1);
        Assert.Equal(once, ConfidenceIntervals.Compute(fourLabels, four, 500, seed: 1, lesions));
        ConfidenceIntervals apart = ConfidenceIntervals.Compute(fourLabels, four, 500, seed: 1);
        Assert.True(apart.Accuracy.High - apart.Accuracy.Low < 0.7 * (once.Accuracy.High - once.Accuracy.Low));
        Assert.Throws<ArgumentException>(() => ConfidenceIntervals.Compute(labels, probabilities, 10, seed: 1, lesions));
    }

    [Fact]
    public void A_difference_is_measured_on_the_same_draws()
    {
        (int[] labels, double[][] probabilities) = Generated(200);
        ConfidenceIntervals none = ConfidenceIntervals.Difference(labels, probabilities, probabilities, 200);
        Assert.Equal((new(0, 0, 0), new(0, 0, 0)), (none.Accuracy, none.MacroAuc));

        double[][] perfect = [.. labels.Select(OneHot)];
        ConfidenceIntervals gain = ConfidenceIntervals.Difference(labels, perfect, probabilities, 500, seed: 2),
            alone = ConfidenceIntervals.Compute(labels, probabilities, 500, seed: 2);
        Assert.Equal(1 - alone.Accuracy.Value, gain.Accuracy.Value, 12);
        Assert.Equal((1 - alone.Accuracy.High, 1 - alone.Accuracy.Low), (gain.Accuracy.Low, gain.Accuracy.High),
            (a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) < 1e-9);
    }
}
