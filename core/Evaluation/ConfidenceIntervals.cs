namespace Lentigo.Core.Evaluation;

/// <summary>A metric and its 95 % confidence interval.</summary>
/// <param name="Value">The metric on all images.</param>
/// <param name="Low">The 2.5th percentile over resamples.</param>
/// <param name="High">The 97.5th percentile over resamples.</param>
public sealed record ConfidenceInterval(double Value, double Low, double High);

/// <summary>
/// Confidence intervals by the percentile bootstrap (Efron and Tibshirani 1993, chapter 13): images, or groups of images, are resampled with replacement, and
/// the metric is computed on each resample. The intervals reflect the choice of test images, not the variation between training runs.
/// </summary>
public sealed record ConfidenceIntervals
{
    /// <summary>The share of images whose most probable class is the label.</summary>
    public required ConfidenceInterval Accuracy { get; init; }

    /// <summary>Mean recall over the classes that occur among the labels.</summary>
    public required ConfidenceInterval BalancedAccuracy { get; init; }

    /// <summary>Mean one-vs-rest area under the ROC curve; null if no class has both positive and negative images.</summary>
    public ConfidenceInterval? MacroAuc { get; init; }

    /// <summary>
    /// Area under the ROC curve of the malignant and premalignant classes together against the benign ones; null if either group has no images.
    /// </summary>
    public ConfidenceInterval? MalignantAuc { get; init; }

    /// <summary>
    /// The sensitivity for melanoma at 80 % specificity, see <see cref="RocCurve.AtSpecificity"/>; null if there are no melanomas or no other images.
    /// </summary>
    public ConfidenceInterval? MelanomaSensitivity { get; init; }

    /// <summary>The number of resamples.</summary>
    public required int Resamples { get; init; }

    /// <summary>The specificity at which <see cref="MelanomaSensitivity"/> is measured.</summary>
    public const double Specificity = 0.8;

    /// <summary>Computes the intervals, reproducibly for a given seed.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">[n][7].</param>
    /// <param name="resamples">The number of resamples.</param>
    /// <param name="seed">The seed of the resampling.</param>
    /// <param name="groups">[n]: images with equal entries, such as those of one lesion, are resampled together; null to resample individual images.</param>
    /// <exception cref="ArgumentException">There are no images, the counts differ, or a label is out of range.</exception>
    public static ConfidenceIntervals Compute(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities, int resamples = 1000, int seed = 0,
        IReadOnlyList<string>? groups = null) =>
        Of(new Resampler(labels, probabilities).Measure, labels.Count, groups, resamples, seed);

    /// <summary>Paired bootstrap of the differences between two classifiers' metrics on the same images: both are evaluated on the same resamples.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">[n][7].</param>
    /// <param name="others">[n][7]: the probabilities of the classifier whose metrics are subtracted.</param>
    /// <param name="resamples">The number of resamples.</param>
    /// <param name="seed">The seed of the resampling.</param>
    /// <param name="groups">As for <see cref="Compute"/>.</param>
    /// <exception cref="ArgumentException">There are no images, the counts differ, or a label is out of range.</exception>
    public static ConfidenceIntervals Difference(
        IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities, IReadOnlyList<double[]> others, int resamples = 1000, int seed = 0,
            IReadOnlyList<string>? groups = null)
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

        int[][] drawn = groups is null ? [.. Enumerable.Range(0, count).Select(i => new[] { i })]
            : [.. Enumerable.Range(0, count).GroupBy(i => groups[i]).Select(g => g.ToArray())];
        int[] draws = new int[count];
        Array.Fill(draws, 1);
        Figures whole = measure(draws);

#pragma warning disable CA5394 // draws must be reproducible, not cryptographically secure
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
            MalignantAuc = Interval(f => f.MalignantAuc),
            MelanomaSensitivity = Interval(f => f.MelanomaSensitivity),
            Resamples = resamples,
        };

        ConfidenceInterval? Interval(Func<Figures, double> figure)
        {
            // Resamples without any image of a rare class are skipped for its metrics.
            double[] values = [.. figures.Select(figure).Where(v => !double.IsNaN(v)).Order()];
            double value = figure(whole);
            return double.IsNaN(value) || values.Length == 0 ? null : new(value, Quantiles.Of(values, 0.025), Quantiles.Of(values, 0.975));
        }
    }

    /// <summary>The metrics of one resample; NaN if a metric is undefined.</summary>
    private readonly record struct Figures(double Accuracy, double BalancedAccuracy, double MacroAuc, double MalignantAuc, double MelanomaSensitivity)
    {
        public Figures Minus(Figures other) => new(
            Accuracy - other.Accuracy, BalancedAccuracy - other.BalancedAccuracy, MacroAuc - other.MacroAuc,
            MalignantAuc - other.MalignantAuc, MelanomaSensitivity - other.MelanomaSensitivity);
    }

    /// <summary>
    /// Evaluates resamples, which are represented by the multiplicity of each image. Scores are sorted once, so that a resample takes O(n), not O(n log n).
    /// </summary>
    private sealed class Resampler
    {
        private readonly IReadOnlyList<int> _labels;
        private readonly bool[] _hit;
        private readonly Ranking[] _classes;
        private readonly Ranking _malignant;

        public Resampler(IReadOnlyList<int> labels, IReadOnlyList<double[]> probabilities)
        {
            ClassificationMetrics metrics = ClassificationMetrics.Compute(labels, probabilities); // checks the arguments
            _labels = labels;
            _hit = [.. Enumerable.Range(0, metrics.Count).Select(i => Array.IndexOf(probabilities[i], probabilities[i].Max()) == labels[i])];
            _classes = [.. Enumerable.Range(0, LesionClasses.Count)
                .Select(c => new Ranking([.. labels.Select(l => l == c)], [.. probabilities.Select(p => p[c])]))];
            _malignant = new([.. labels.Select(l => LesionClasses.All[l].Malignant)], [.. probabilities.Select(LesionClasses.MalignantProbability)]);
        }

        public Figures Measure(int[] draws)
        {
            int total = 0, hits = 0;
            int[] support = new int[LesionClasses.Count], right = new int[LesionClasses.Count];
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

            int[] present = [.. Enumerable.Range(0, support.Length).Where(c => support[c] > 0)];
            double[] areas = [.. present.Where(c => support[c] < total).Select(c => _classes[c].Area(draws))];
            return new(
                (double)hits / total, present.Average(c => (double)right[c] / support[c]), areas.Length == 0 ? double.NaN : areas.Average(),
                _malignant.Area(draws), _classes[LesionClasses.Melanoma].Sensitivity(draws));
        }
    }

    /// <summary>Images sorted by a score.</summary>
    private sealed class Ranking
    {
        private readonly bool[] _positive;
        private readonly int[] _order; // images in order of decreasing score
        private readonly bool[] _tied; // whether the next image in that order has the same score

        public Ranking(bool[] positive, double[] scores)
        {
            _positive = positive;
            _order = [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i])];
            _tied = [.. Enumerable.Range(0, scores.Length).Select(k => k + 1 < scores.Length && scores[_order[k]] == scores[_order[k + 1]])];
        }

        /// <summary>The area under the ROC curve of a resample; NaN if it is undefined.</summary>
        public double Area(int[] draws)
        {
            double area = 0;
            long hits = 0, alarms = 0, hitsAtTie = 0, alarmsAtTie = 0;
            for (int k = 0; k < draws.Length; k++)
            {
                int image = _order[k];
                if (_positive[image])
                {
                    hitsAtTie += draws[image];
                }
                else
                {
                    alarmsAtTie += draws[image];
                }

                if (!_tied[k])
                {
                    // Each negative ranks below the positives before it; ties count half.
                    area += alarmsAtTie * (hits + hitsAtTie / 2.0);
                    hits += hitsAtTie;
                    alarms += alarmsAtTie;
                    hitsAtTie = alarmsAtTie = 0;
                }
            }

            return hits == 0 || alarms == 0 ? double.NaN : area / ((double)hits * alarms);
        }

        /// <summary>The highest sensitivity of a resample at <see cref="Specificity"/>; NaN if it is undefined.</summary>
        public double Sensitivity(int[] draws)
        {
            long positives = 0, negatives = 0;
            for (int i = 0; i < draws.Length; i++)
            {
                if (_positive[i])
                {
                    positives += draws[i];
                }
                else
                {
                    negatives += draws[i];
                }
            }

            if (positives == 0 || negatives == 0)
            {
                return double.NaN;
            }

            double best = 0;
            long hits = 0, alarms = 0;
            for (int k = 0; k < draws.Length; k++)
            {
                int image = _order[k];
                if (_positive[image])
                {
                    hits += draws[image];
                }
                else
                {
                    alarms += draws[image];
                }

                if (!_tied[k] && (double)alarms / negatives <= 1 - Specificity + 1e-12)
                {
                    best = (double)hits / positives;
                }
            }

            return best;
        }
    }
}
