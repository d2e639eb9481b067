namespace Lentigo.Core.Decisions;

/// <summary>
/// Prediction sets that contain the true class with a target coverage (split conformal prediction, Vovk et al. 2005): they consist of the most probable class
/// and every class whose probability reaches the threshold of its group (least ambiguous sets, Sadinle et al. 2019, arXiv:1609.00451). The coverage holds
/// separately for melanomas, the other malignant classes and the benign classes: marginal coverage alone could be met by the many nevi while missing a third of
/// the melanomas.
/// </summary>
internal sealed class PredictionSets
{
    private readonly double[] _limits;

    /// <summary>Fits the thresholds.</summary>
    /// <param name="answers">The validation images, n.</param>
    /// <param name="probabilities">[n][7]: their probabilities under the target class prior.</param>
    /// <param name="weights">[n]: the weight of each image under that prior.</param>
    /// <param name="coverage">The target coverage.</param>
    public PredictionSets(ValidationAnswers answers, double[][] probabilities, double[] weights, double coverage)
    {
        _limits = new double[LesionClasses.Count];
        foreach (IGrouping<int, int> group in Enumerable.Range(0, LesionClasses.Count).GroupBy(Group))
        {
            int[] images = [.. Enumerable.Range(0, weights.Length).Where(i => weights[i] > 0 && group.Contains(answers.Labels[i]))];
            double limit = Limit(images, answers, probabilities, weights, coverage);
            foreach (int c in group)
            {
                _limits[c] = limit;
            }
        }
    }

    /// <summary>[7]: the probability threshold of each class.</summary>
    public IReadOnlyList<double> Limits => _limits;

    /// <summary>Returns the class codes of the set, most probable first.</summary>
    /// <param name="probabilities">[7], under the class prior of the thresholds.</param>
    public IReadOnlyList<string> Of(IReadOnlyList<double> probabilities)
    {
        int[] ranked = [.. Enumerable.Range(0, probabilities.Count).OrderByDescending(c => probabilities[c])];
        return [.. ranked.Where((c, rank) => rank == 0 || probabilities[c] >= _limits[c]).Select(c => LesionClasses.All[c].Code)];
    }

    private static int Group(int c) => c == LesionClasses.Melanoma ? 0 : LesionClasses.All[c].Malignant ? 1 : 2;

    /// <summary>Finds the largest threshold with the target coverage, counting one additional image as missed.</summary>
    private static double Limit(int[] images, ValidationAnswers answers, double[][] probabilities, double[] weights, double coverage)
    {
        // The future image counts as missed (the + 1 of split conformal prediction).
        double total = images.Sum(i => weights[i]), one = images.Length == 0 ? 1 : total / images.Length, wanted = coverage * (total + one), held = 0;
        foreach ((double weight, double reached) in images
            .Select(i => (weights[i], IsTop(probabilities[i], answers.Labels[i]) ? 1 : probabilities[i][answers.Labels[i]]))
            .OrderByDescending(i => i.Item2))
        {
            held += weight;
            if (held >= wanted - 1e-9)
            {
                return reached;
            }
        }

        return 0; // too few images for this coverage: every set contains every class of the group
    }

    private static bool IsTop(double[] probabilities, int c) => probabilities[c] >= probabilities.Max();
}
