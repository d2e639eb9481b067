namespace Lentigo.Core.Decisions;

/// <summary>
/// Prediction sets that hold the true class with a promised share (split conformal prediction, Vovk et al. 2005): the most probable class and every class whose
/// probability reaches its group's limit (the least ambiguous sets, Sadinle et al. 2019, arXiv:1609.00451). The promise holds for melanomas, for the other
/// malignant classes and for the benign ones each: a promise over all images alone would be kept by the many nevi while a third of the melanomas are left out.
/// </summary>
internal sealed class PredictionSets
{
    private readonly double[] _limits;

    /// <summary>Fits the limits.</summary>
    /// <param name="answers">The validation images, n.</param>
    /// <param name="probabilities">[n][7]: their probabilities for the wanted prior.</param>
    /// <param name="weights">[n]: how much each image counts under that prior.</param>
    /// <param name="coverage">The promised share.</param>
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

    /// <summary>[7]: from which probability on a class is in the set.</summary>
    public IReadOnlyList<double> Limits => _limits;

    /// <summary>The codes of an answer's set, most probable first.</summary>
    /// <param name="probabilities">[7], for the prior that the limits were fitted for.</param>
    public IReadOnlyList<string> Of(IReadOnlyList<double> probabilities)
    {
        int[] ranked = [.. Enumerable.Range(0, probabilities.Count).OrderByDescending(c => probabilities[c])];
        return [.. ranked.Where((c, rank) => rank == 0 || probabilities[c] >= _limits[c]).Select(c => LesionClasses.All[c].Code)];
    }

    private static int Group(int c) => c == LesionClasses.Melanoma ? 0 : LesionClasses.All[c].Malignant ? 1 : 2;

    /// <summary>The probability that the true class reaches, or is the most probable class anyway, in the promised share of images and one more.</summary>
    private static double Limit(int[] images, ValidationAnswers answers, double[][] probabilities, double[] weights, double coverage)
    {
        // The image to come counts as one that is missed (the + 1 of split conformal prediction).
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

        return 0; // too few images for the promise: every class of the group is in every set
    }

    private static bool IsTop(double[] probabilities, int c) => probabilities[c] >= probabilities.Max();
}
