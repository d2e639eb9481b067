namespace Lentigo.Core.Evaluation;

/// <summary>A metric and its 95 % confidence interval.</summary>
/// <param name="Value">The metric on the images as they are.</param>
/// <param name="Low">The 2.5th percentile over resamples.</param>
/// <param name="High">The 97.5th percentile over resamples.</param>
public sealed record ConfidenceInterval(double Value, double Low, double High);

/// <summary>
/// Confidence intervals by the percentile bootstrap (Efron and Tibshirani 1993, chapter 13): images, or groups of them, are drawn with replacement, the metric is
/// taken of each draw. It says how much the choice of test images moves a figure; not how much another training run would.
/// </summary>
public sealed record ConfidenceIntervals
{
    /// <summary>The share of images whose most probable class is the label.</summary>
    public required ConfidenceInterval Accuracy { get; init; }

    /// <summary>Mean recall over the classes that occur among the labels.</summary>
    public required ConfidenceInterval BalancedAccuracy { get; init; }

    /// <summary>Mean one-against-the-rest area under the ROC curve; null where no class has images on both sides.</summary>
    public ConfidenceInterval? MacroAuc { get; init; }

    /// <summary>The sensitivity for melanoma at 80 % specificity, see <see cref="RocCurve.AtSpecificity"/>; null without melanoma or anything else.</summary>
    public ConfidenceInterval? MelanomaSensitivity { get; init; }

    /// <summary>The number of draws.</summary>
    public required int Resamples { get; init; }

    /// <summary>The specificity at which <see cref="MelanomaSensitivity"/> is measured.</summary>
    public const double Specificity = 0.8;

    /// <summary>Computes the intervals; the same seed gives the same intervals.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">[n][7].</param>
    /// <param name="resamples">The number of draws.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="groups">[n]: images with equal entries, such as those of one lesion, are drawn together; null draws each image by itself.</param>
    /// <exception cref="ArgumentException">There are no images, the counts differ, or a label is none of the seven.</exception>
    public static ConfidenceIntervals Compute(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities, int resamples = 1000, int seed = 0, IReadOnlyList<string>? groups = null) =>
        Of(new Resampler(labels, probabilities).Measure, labels.Count, groups, resamples, seed);

    /// <summary>The intervals of what the figures of some answers are above those of others to the same images; both are measured on the same draws.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">[n][7].</param>
    /// <param name="others">[n][7]: the answers whose figures are subtracted.</param>
    /// <param name="resamples">The number of draws.</param>
    /// <param name="seed">The seed of the draws.</param>
    /// <param name="groups">As for <see cref="Compute"/>.</param>
    /// <exception cref="ArgumentException">There are no images, the counts differ, or a label is none of the seven.</exception>
    public static ConfidenceIntervals Difference(
        IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities, IReadOnlyList<double[]> others, int resamples = 1000, int seed = 0, IReadOnlyList<string>? groups = null)
    {
        Resampler minuend = new(labels, probabilities), subtrahend = new(labels, others);
        return Of(draws => minuend.Measure(draws).Minus(subtrahend.Measure(draws)), labels.Count, groups, resamples, seed);
    }

    private static ConfidenceIntervals Of(Func<int[], Figures> measure, int count, IReadOnlyList<string>? groups, int resamples, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 1);
        if (groups is not null && groups.Count != count)
        {
            throw new ArgumentException($"There are {count} images, but {groups.Count} groups.", nameof(groups));
        }

        int[][] drawn = groups is null ? [.. Enumerable.Range(0, count).Select(i => new[] { i })] : [.. Enumerable.Range(0, count).GroupBy(i => groups[i]).Select(g => g.ToArray())];
        int[] draws = new int[count];
        Array.Fill(draws, 1);
        Figures whole = measure(draws);

#pragma warning disable CA5394 // draws need to be repeatable, not secret
        Random random = new(seed);
        Figures[] figures = new Figures[resamples];
        for (int r = 0; r < resamples; r++)
        {
            Array.Clear(draws);
            for (int k = 0; k < drawn.Length; k++)
            {
                foreach (int i in drawn[random.Next(drawn.Length)])
                {
                    draws[i]++;
                }
            }

            figures[r] = measure(draws);
        }
#pragma warning restore CA5394

        return new()
        {
            Accuracy = Interval(f => f.Accuracy)!,
            BalancedAccuracy = Interval(f => f.BalancedAccuracy)!,
            MacroAuc = Interval(f => f.MacroAuc),
            MelanomaSensitivity = Interval(f => f.MelanomaSensitivity),
            Resamples = resamples,
        };

        ConfidenceInterval? Interval(Func<Figures, double> figure)
        {
            // A draw can miss a rare class altogether; then that draw says nothing of it.
            double[] values = [.. figures.Select(figure).Where(v => !double.IsNaN(v)).Order()];
            double value = figure(whole);
            return double.IsNaN(value) || values.Length == 0 ? null : new(value, Percentile(values, 0.025), Percentile(values, 0.975));
        }
    }

    /// <summary>The value below which the share p of sorted values lies, linear between them (Hyndman and Fan 1996, definition 7).</summary>
    private static double Percentile(double[] sorted, double p)
    {
        double position = p * (sorted.Length - 1);
        int below = (int)position;
        return below + 1 == sorted.Length ? sorted[below] : sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
    }

    /// <summary>The figures of one draw; NaN where it has no images to measure one on.</summary>
    private readonly record struct Figures(double Accuracy, double BalancedAccuracy, double MacroAuc, double MelanomaSensitivity)
    {
        public Figures Minus(Figures other) => new(
            Accuracy - other.Accuracy, BalancedAccuracy - other.BalancedAccuracy, MacroAuc - other.MacroAuc, MelanomaSensitivity - other.MelanomaSensitivity);
    }

    /// <summary>A draw is how often each image is in it. Scores are sorted once, so that measuring a draw takes n steps, not n log n.</summary>
    private sealed class Resampler
    {
        private readonly IReadOnlyList<int> _labels;
        private readonly bool[] _hit;
        private readonly int[][] _order; // by class: images by falling score
        private readonly bool[][] _tied; // by class: whether the next image in that order has the same score

        public Resampler(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities)
        {
            ClassificationMetrics metrics = ClassificationMetrics.Compute(labels, probabilities); // checks the arguments
            int n = metrics.Count;
            _labels = labels;
            _hit = [.. Enumerable.Range(0, n).Select(i => Array.IndexOf(probabilities[i], probabilities[i].Max()) == labels[i])];
            _order = [.. Enumerable.Range(0, LesionClasses.Count).Select(c => Enumerable.Range(0, n).OrderByDescending(i => probabilities[i][c]).ToArray())];
            _tied = [.. _order.Select((order, c) => Enumerable.Range(0, n)
                .Select(k => k + 1 < n && probabilities[order[k]][c] == probabilities[order[k + 1]][c]).ToArray())];
        }

        public Figures Measure(int[] draws)
        {
            int classes = LesionClasses.Count, total = 0, hits = 0;
            int[] support = new int[classes], right = new int[classes];
            for (int i = 0; i < draws.Length; i++)
            {
                total += draws[i];
                support[_labels[i]] += draws[i];
                if (_hit[i])
                {
                    hits += draws[i];
                    right[_labels[i]] += draws[i];
                }
            }

            double recalls = 0, areas = 0;
            int present = 0, curves = 0;
            for (int c = 0; c < classes; c++)
            {
                if (support[c] > 0)
                {
                    recalls += (double)right[c] / support[c];
                    present++;
                    if (support[c] < total)
                    {
                        areas += Area(c, draws, support[c], total - support[c]);
                        curves++;
                    }
                }
            }

            int melanoma = LesionClasses.IndexOf("mel");
            return new(
                (double)hits / total, recalls / present, curves == 0 ? double.NaN : areas / curves,
                support[melanoma] == 0 || support[melanoma] == total ? double.NaN : Sensitivity(melanoma, draws, support[melanoma], total - support[melanoma]));
        }

        private double Area(int c, int[] draws, long positive, long negative)
        {
            double area = 0;
            long hits = 0, hitsAtTie = 0, alarmsAtTie = 0;
            for (int k = 0; k < draws.Length; k++)
            {
                int image = _order[c][k];
                if (_labels[image] == c)
                {
                    hitsAtTie += draws[image];
                }
                else
                {
                    alarmsAtTie += draws[image];
                }

                if (!_tied[c][k])
                {
                    // Each negative is below the positives before it, and half below those it ties with.
                    area += alarmsAtTie * (hits + hitsAtTie / 2.0);
                    hits += hitsAtTie;
                    hitsAtTie = alarmsAtTie = 0;
                }
            }

            return area / ((double)positive * negative);
        }

        private double Sensitivity(int c, int[] draws, int positive, int negative)
        {
            double best = 0;
            int hits = 0, alarms = 0;
            for (int k = 0; k < draws.Length; k++)
            {
                int image = _order[c][k];
                if (_labels[image] == c)
                {
                    hits += draws[image];
                }
                else
                {
                    alarms += draws[image];
                }

                if (!_tied[c][k] && (double)alarms / negative <= 1 - Specificity + 1e-12)
                {
                    best = (double)hits / positive;
                }
            }

            return best;
        }
    }
}
