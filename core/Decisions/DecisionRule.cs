using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;

namespace Lentigo.Core.Decisions;

/// <summary>Turns seven probabilities into a recommendation and a prediction set, for HTTP answers, the plain page and blob results alike.</summary>
public sealed class DecisionRule
{
    private readonly PredictionSets _sets;

    private DecisionRule(OperatingPoint malignant, OperatingPoint melanoma, PredictionSets sets, double coverage) =>
        (Malignant, Melanoma, _sets, Coverage) = (malignant, melanoma, sets, coverage);

    /// <summary>The operating point of the malignant classes together.</summary>
    public OperatingPoint Malignant { get; }

    /// <summary>The operating point of melanoma.</summary>
    public OperatingPoint Melanoma { get; }

    /// <summary>The target coverage of the sets.</summary>
    public double Coverage { get; }

    /// <summary>[7]: the probability threshold of each class for the set, which always contains the most probable class.</summary>
    public IReadOnlyList<double> SetLimits => _sets.Limits;

    /// <summary>Fits the rule on validation predictions.</summary>
    /// <param name="answers">The predictions.</param>
    /// <param name="natural">[7]: their class prior.</param>
    /// <param name="prior">[7]: the class prior of future predictions, for which <paramref name="sensitivity"/>, specificity and coverage hold.</param>
    /// <param name="sensitivity">The target sensitivity on the validation images.</param>
    /// <param name="coverage">The target coverage.</param>
    /// <returns>The rule, or null if the validation images contain no melanoma, no benign or no malignant lesion.</returns>
    public static DecisionRule? Fit(ValidationAnswers answers, IReadOnlyList<double> natural, IReadOnlyList<double> prior, double sensitivity, double coverage)
    {
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentNullException.ThrowIfNull(natural);
        ArgumentNullException.ThrowIfNull(prior);
        double[][] probabilities = [.. answers.Probabilities.Select(p => ClassPrior.Reweigh(p, natural, prior))];
        // Weight the classes by the prior, not by their number of validation images.
        double[] counts = new double[LesionClasses.Count];
        foreach (int label in answers.Labels)
        {
            counts[label]++;
        }

        bool isNatural = natural.SequenceEqual(prior);
        double[] weights = [.. answers.Labels.Select(l => isNatural ? 1 : prior[l] / counts[l] * answers.Labels.Count)];
        OperatingPoint? malignant = new OperatingCurve(answers, [.. probabilities.Select(LesionClasses.MalignantProbability)], weights,
            l => LesionClasses.All[l].Malignant, l => !LesionClasses.All[l].Malignant).At(sensitivity);
        OperatingPoint? melanoma = new OperatingCurve(answers, [.. probabilities.Select(p => p[LesionClasses.Melanoma])], weights,
            l => l == LesionClasses.Melanoma, l => !LesionClasses.All[l].Malignant).At(sensitivity);
        return malignant is null || melanoma is null ? null : new(malignant, melanoma, new(answers, probabilities, weights, coverage), coverage);
    }

    /// <summary>Returns the class codes of the prediction set, most probable first.</summary>
    /// <param name="probabilities">[7], under the class prior of the rule.</param>
    public IReadOnlyList<string> SetOf(IReadOnlyList<double> probabilities) => _sets.Of(probabilities);

    /// <summary>Returns the recommendation.</summary>
    /// <param name="probabilities">[7], under the class prior of the rule.</param>
    /// <param name="hasWarnings">Whether the answer has a warning.</param>
    public Triage TriageOf(IReadOnlyList<double> probabilities, bool hasWarnings)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        double malignant = LesionClasses.MalignantProbability(probabilities), melanoma = probabilities[LesionClasses.Melanoma];
        List<string> reasons = [];
        void Because(string reason, bool holds)
        {
            if (holds)
            {
                reasons.Add(reason);
            }
        }

        Because(Triage.Malignant, malignant >= Malignant.Threshold);
        Because(Triage.Melanoma, melanoma >= Melanoma.Threshold);
        bool refer = reasons.Count > 0;
        Because(Triage.Set, !refer && SetOf(probabilities).Any(code => LesionClasses.All[LesionClasses.IndexOf(code)].Malignant));
        Because(Triage.Warning, !refer && hasWarnings);
        return new(refer ? Triage.Refer : reasons.Count > 0 ? Triage.Review : Triage.Routine, malignant, melanoma, reasons, Malignant, Melanoma);
    }
}
