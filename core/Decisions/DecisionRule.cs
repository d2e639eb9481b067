using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;

namespace Lentigo.Core.Decisions;

/// <summary>From seven probabilities to a recommendation and a prediction set: the one rule of HTTP answers, the plain page and blob results.</summary>
public sealed class DecisionRule
{
    private readonly PredictionSets _sets;

    private DecisionRule(OperatingPoint malignant, OperatingPoint melanoma, PredictionSets sets, double coverage) =>
        (Malignant, Melanoma, _sets, Coverage) = (malignant, melanoma, sets, coverage);

    /// <summary>The operating point of the malignant classes together.</summary>
    public OperatingPoint Malignant { get; }

    /// <summary>The operating point of melanoma.</summary>
    public OperatingPoint Melanoma { get; }

    /// <summary>The promised coverage of the sets.</summary>
    public double Coverage { get; }

    /// <summary>[7]: from which probability on a class is in the set; the most probable class always is.</summary>
    public IReadOnlyList<double> SetLimits => _sets.Limits;

    /// <summary>Fits the rule to validation answers.</summary>
    /// <param name="answers">The answers.</param>
    /// <param name="natural">[7]: the class prior that they are for.</param>
    /// <param name="prior">[7]: the prior of the answers to come, of which <paramref name="sensitivity"/>, specificity and coverage are told too.</param>
    /// <param name="sensitivity">The least sensitivity on the validation images.</param>
    /// <param name="coverage">The least coverage.</param>
    /// <returns>The rule, or null where the validation images hold no melanoma, no benign or no malignant lesion.</returns>
    public static DecisionRule? Fit(ValidationAnswers answers, IReadOnlyList<double> natural, IReadOnlyList<double> prior, double sensitivity, double coverage)
    {
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentNullException.ThrowIfNull(natural);
        ArgumentNullException.ThrowIfNull(prior);
        double[][] probabilities = [.. answers.Probabilities.Select(p => ClassPrior.Reweigh(p, natural, prior))];
        // Among as many lesions of each class as the prior says, not as there are validation images.
        double[] counts = new double[LesionClasses.Count];
        foreach (int label in answers.Labels)
        {
            counts[label]++;
        }

        bool isNatural = natural.SequenceEqual(prior);
        double[] weights = [.. answers.Labels.Select(l => isNatural ? 1 : prior[l] / counts[l] * answers.Labels.Count)];
        OperatingPoint? malignant = new OperatingCurve(answers, [.. probabilities.Select(LesionClasses.MalignantProbability)], weights, l => LesionClasses.All[l].Malignant, l => !LesionClasses.All[l].Malignant).At(sensitivity);
        OperatingPoint? melanoma = new OperatingCurve(answers, [.. probabilities.Select(p => p[LesionClasses.Melanoma])], weights, l => l == LesionClasses.Melanoma, l => !LesionClasses.All[l].Malignant).At(sensitivity);
        return malignant is null || melanoma is null ? null : new(malignant, melanoma, new(answers, probabilities, weights, coverage), coverage);
    }

    /// <summary>The codes of the prediction set, most probable first.</summary>
    /// <param name="probabilities">[7], for the rule's prior.</param>
    public IReadOnlyList<string> SetOf(IReadOnlyList<double> probabilities) => _sets.Of(probabilities);

    /// <summary>What to do.</summary>
    /// <param name="probabilities">[7], for the rule's prior.</param>
    /// <param name="hasWarnings">Whether a warning stands with the answer.</param>
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
