using Lentigo.Core.Evaluation;

namespace Lentigo.Core.Decisions;

/// <summary>The evaluation of a <see cref="DecisionRule"/> on labeled images.</summary>
/// <param name="Promise">The target sensitivity of the operating points.</param>
/// <param name="Method">How the images for fitting and for evaluation were separated.</param>
/// <param name="Sensitivity">
/// The share of malignant and premalignant lesions whose malignant probability reaches the operating point; null if there are none.
/// </param>
/// <param name="Specificity">The share of benign lesions whose malignant probability is below the operating point; null if there are none.</param>
/// <param name="MelanomaReferred">The share of melanomas that are referred because of either operating point; null if there are none.</param>
/// <param name="BenignReferred">The share of benign lesions that are referred; null if there are none.</param>
/// <param name="Recommendations">The number of images of each class, by code, with each recommendation; warnings about individual images are ignored.</param>
/// <param name="Sets">The prediction sets at several target coverages.</param>
public sealed record DecisionEvaluation(
    double Promise,
    string Method,
    ConfidenceInterval? Sensitivity,
    ConfidenceInterval? Specificity,
    ConfidenceInterval? MelanomaReferred,
    ConfidenceInterval? BenignReferred,
    IReadOnlyDictionary<string, RecommendationCounts> Recommendations,
    IReadOnlyList<SetEvaluation> Sets)
{
    /// <summary>The target coverages of the evaluated prediction sets.</summary>
    private static readonly double[] Coverages = [DecisionRequest.DefaultCoverage, 0.95];

    /// <summary>Applies the rule of a package to images that it was not fitted on.</summary>
    /// <param name="fitted">The validation predictions on which the rule is fitted.</param>
    /// <param name="natural">[7]: their class prior.</param>
    /// <param name="prior">[7]: the class prior of <paramref name="answers"/>.</param>
    /// <param name="answers">The images to evaluate on, with probabilities under <paramref name="prior"/>.</param>
    /// <returns>The evaluation, or null if no rule can be fitted.</returns>
    public static DecisionEvaluation? Of(ValidationAnswers fitted, IReadOnlyList<double> natural, IReadOnlyList<double> prior, ValidationAnswers answers)
    {
        ArgumentNullException.ThrowIfNull(fitted);
        ArgumentNullException.ThrowIfNull(answers);
        int[] all = [.. Enumerable.Range(0, answers.Labels.Count)];
        return Of("fitted on the package's validation images", natural, prior, answers, [(fitted, all)]);
    }

    /// <summary>
    /// Cross-fitting: fits the rule on one half of the lesions and applies it to the other half, in both directions, so that no rule is applied to a lesion on
    /// which it was fitted.
    /// </summary>
    /// <param name="natural">[7]: the class prior of the predictions.</param>
    /// <param name="answers">The images.</param>
    /// <returns>The evaluation, or null if no rule can be fitted on one of the halves.</returns>
    public static DecisionEvaluation? CrossFitted(IReadOnlyList<double> natural, ValidationAnswers answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        bool[] second = HalvesOf(answers.Labels, answers.Lesions);
        int[] Half(bool half) => [.. Enumerable.Range(0, second.Length).Where(i => second[i] == half)];
        return Of("fitted on one half of the lesions and applied to the other, both ways round", natural, natural, answers,
            [(answers.Subset(Half(true)), Half(false)), (answers.Subset(Half(false)), Half(true))]);
    }

    /// <summary>Splits the lesions into two halves, stratified by class. Returns the half of each image, [n].</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="lesions">[n]: images with equal entries show one lesion.</param>
    public static bool[] HalvesOf<T>(IReadOnlyList<int> labels, IReadOnlyList<T> lesions)
        where T : notnull
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(lesions);
        Dictionary<T, bool> halves = Enumerable.Range(0, labels.Count).GroupBy(i => lesions[i]).Select(g => (g.Key, Label: labels[g.First()]))
            .GroupBy(l => l.Label).SelectMany(c => c.Select((l, k) => (l.Key, k % 2 == 1))).ToDictionary(l => l.Key, l => l.Item2);
        return [.. lesions.Select(l => halves[l])];
    }

    private static DecisionEvaluation? Of(
        string method, IReadOnlyList<double> natural, IReadOnlyList<double> prior, ValidationAnswers answers,
            IReadOnlyList<(ValidationAnswers Fitted, int[] Images)> parts)
    {
        int n = answers.Labels.Count;
        bool[] reaches = new bool[n];
        string[] recommendations = new string[n];
        IReadOnlyList<string>[][] sets = [.. Coverages.Select(_ => new IReadOnlyList<string>[n])];
        foreach ((ValidationAnswers fitted, int[] images) in parts)
        {
            for (int k = 0; k < Coverages.Length; k++)
            {
                if (DecisionRule.Fit(fitted, natural, prior, DecisionRequest.DefaultSensitivity, Coverages[k]) is not { } rule)
                {
                    return null;
                }

                foreach (int i in images)
                {
                    sets[k][i] = rule.SetOf(answers.Probabilities[i]);
                    if (k == 0)
                    {
                        Triage triage = rule.TriageOf(answers.Probabilities[i], hasWarnings: false);
                        (reaches[i], recommendations[i]) = (triage.Reasons.Contains(Triage.Malignant), triage.Recommendation);
                    }
                }
            }
        }

        ConfidenceInterval? Share(Func<int, bool> of, Func<int, bool> isHit)
        {
            int[] images = [.. Enumerable.Range(0, n).Where(of)];
            return ClusteredProportion.Of([.. images.Select(isHit)], [.. images.Select(i => answers.Lesions[i])]);
        }

        bool IsMalignant(int i) => LesionClasses.All[answers.Labels[i]].Malignant;
        bool IsReferred(int i) => recommendations[i] == Triage.Refer;
        bool IsCovered(int k, int i) => sets[k][i].Contains(LesionClasses.Codes[answers.Labels[i]]);
        int[] present = [.. answers.Labels.Distinct().Order()];
        return new(
            DecisionRequest.DefaultSensitivity, method,
            Share(IsMalignant, i => reaches[i]), Share(i => !IsMalignant(i), i => !reaches[i]),
            Share(i => answers.Labels[i] == LesionClasses.Melanoma, IsReferred), Share(i => !IsMalignant(i), IsReferred),
            present.ToDictionary(c => LesionClasses.Codes[c], c =>
            {
                int Count(string recommendation) => Enumerable.Range(0, n).Count(i => answers.Labels[i] == c && recommendations[i] == recommendation);
                return new RecommendationCounts(Count(Triage.Refer), Count(Triage.Review), Count(Triage.Routine));
            }),
            [.. Coverages.Select((coverage, k) => new SetEvaluation(
                coverage, Share(_ => true, i => IsCovered(k, i))!, sets[k].Average(s => s.Count),
                present.ToDictionary(c => LesionClasses.Codes[c], c => Share(i => answers.Labels[i] == c, i => IsCovered(k, i))!)))]);
    }
}

/// <summary>The number of images with each recommendation.</summary>
/// <param name="Refer">Referred.</param>
/// <param name="Review">To be reviewed.</param>
/// <param name="Routine">Routine.</param>
public sealed record RecommendationCounts(int Refer, int Review, int Routine);

/// <summary>The evaluation of prediction sets on labeled images.</summary>
/// <param name="Promise">The target coverage.</param>
/// <param name="Coverage">The share of images whose class is in their set.</param>
/// <param name="MeanSize">The mean number of classes in a set.</param>
/// <param name="Classes">The coverage of each class, by code.</param>
public sealed record SetEvaluation(double Promise, ConfidenceInterval Coverage, double MeanSize, IReadOnlyDictionary<string, ConfidenceInterval> Classes);
