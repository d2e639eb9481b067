using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;

namespace Lentigo.Core.Tests.Decisions;

public class DecisionRuleTests
{
    private static readonly double[] Natural = [0.05, 0.05, 0.1, 0.05, 0.1, 0.6, 0.05];

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.9)]
    [InlineData(0.95)]
    public void The_threshold_is_the_highest_that_reaches_the_sensitivity_among_the_malignant(double sensitivity)
    {
        ValidationAnswers answers = Draw(2000, seed: 1);
        OperatingPoint point = DecisionRule.Fit(answers, Natural, Natural, sensitivity, 0.9)!.Malignant;
        double[] malignant = Scores(l => LesionClasses.All[l].Malignant), benign = Scores(l => !LesionClasses.All[l].Malignant);
        Assert.Equal(Share(malignant, s => s >= point.Threshold), point.Sensitivity, 1e-12);
        Assert.Equal(Share(benign, s => s < point.Threshold), point.Specificity, 1e-12);
        Assert.True(point.Sensitivity >= sensitivity);
        Assert.True(Share(malignant, s => s > point.Threshold) < sensitivity);
        Assert.InRange(point.Sensitivity, point.SensitivityInterval[0], point.SensitivityInterval[1]);
        Assert.InRange(point.Specificity, point.SpecificityInterval[0], point.SpecificityInterval[1]);

        double[] Scores(Func<int, bool> condition) =>
            [.. Enumerable.Range(0, answers.Labels.Count).Where(i => condition(answers.Labels[i]))
            .Select(i => LesionClasses.MalignantProbability(answers.Probabilities[i]))];
    }

    [Fact]
    public void Intervals_are_as_wide_as_the_lesions_are_few_not_as_the_images_are()
    {
        ValidationAnswers once = Draw(500, seed: 2);
        ValidationAnswers four = new(once.On, Four(once.Labels), Four(once.Lesions), Four(once.Probabilities));
        OperatingPoint alone = DecisionRule.Fit(once, Natural, Natural, 0.9, 0.9)!.Malignant,
            repeated = DecisionRule.Fit(four, Natural, Natural, 0.9, 0.9)!.Malignant;
        Assert.Equal(alone.Sensitivity, repeated.Sensitivity, 1e-9);
        Assert.Equal(alone.SensitivityInterval[0], repeated.SensitivityInterval[0], 0.01);
        Assert.Equal(alone.SpecificityInterval[1], repeated.SpecificityInterval[1], 0.01);

        static T[] Four<T>(IReadOnlyList<T> values) => [.. values.Concat(values).Concat(values).Concat(values)];
    }

    [Theory]
    [InlineData(0.8)]
    [InlineData(0.9)]
    [InlineData(0.95)]
    public void Sets_hold_the_true_class_as_promised_on_images_that_they_were_not_fitted_to(double coverage)
    {
        DecisionRule rule = DecisionRule.Fit(Draw(8000, seed: 3), Natural, Natural, 0.95, coverage)!;
        ValidationAnswers fresh = Draw(8000, seed: 4);
        foreach (int[] group in new[] { new[] { 4 }, [0, 1], [2, 3, 5, 6] })
        {
            int[] images = [.. Enumerable.Range(0, fresh.Labels.Count).Where(i => group.Contains(fresh.Labels[i]))];
            double covered = Share(images, i => rule.SetOf(fresh.Probabilities[i]).Contains(LesionClasses.Codes[fresh.Labels[i]]));
            Assert.True(covered >= coverage - 0.03, $"{string.Join(",", group)}: {covered}");
        }
    }

    [Fact]
    public void A_set_begins_with_the_most_probable_class_and_grows_with_the_coverage()
    {
        ValidationAnswers answers = Draw(1000, seed: 5);
        DecisionRule narrow = DecisionRule.Fit(answers, Natural, Natural, 0.95, 0.6)!, wide = DecisionRule.Fit(answers, Natural, Natural, 0.95, 0.99)!;
        foreach (double[] p in answers.Probabilities)
        {
            Assert.Equal(LesionClasses.Codes[Array.IndexOf(p, p.Max())], narrow.SetOf(p)[0]);
            Assert.Subset(wide.SetOf(p).ToHashSet(), narrow.SetOf(p).ToHashSet());
        }
    }

    [Fact]
    public void Triage_says_refer_at_an_operating_point_review_where_the_set_is_malignant_or_a_warning_stands_and_routine_else()
    {
        DecisionRule rule = DecisionRule.Fit(Draw(2000, seed: 6), Natural, Natural, 0.95, 0.95)!;
        Triage sure = rule.TriageOf([0, 0, 0, 0, 0, 1, 0], hasWarnings: false), doubtful = rule.TriageOf([0, 0, 0, 0, 0, 1, 0], hasWarnings: true),
            melanoma = rule.TriageOf([0, 0, 0, 0, 0.9, 0.1, 0], hasWarnings: true);
        Assert.Equal((Triage.Routine, 0), (sure.Recommendation, sure.Reasons.Count));
        Assert.Equal((Triage.Review, Triage.Warning), (doubtful.Recommendation, Assert.Single(doubtful.Reasons)));
        Assert.Equal(Triage.Refer, melanoma.Recommendation);
        Assert.Equal([Triage.Malignant, Triage.Melanoma], melanoma.Reasons);
        Assert.Equal(0.9, melanoma.MalignantProbability, 1e-12);
    }

    [Fact]
    public void Under_another_prior_the_points_are_those_of_a_population_with_that_mix()
    {
        ValidationAnswers answers = Draw(6000, seed: 7);
        double[] uniform = [.. ClassPrior.UniformShares];
        OperatingPoint point = DecisionRule.Fit(answers, Natural, uniform, 0.9, 0.9)!.Malignant;
        double[] found = [.. new[] { 0, 1, 4 }.Select(c =>
            Share([.. Enumerable.Range(0, answers.Labels.Count).Where(i => answers.Labels[i] == c)],
                i => LesionClasses.MalignantProbability(ClassPrior.Reweigh(answers.Probabilities[i], Natural, uniform)) >= point.Threshold))];
        Assert.Equal(found.Average(), point.Sensitivity, 1e-9);
        Assert.True(point.Sensitivity >= 0.9);
    }

    [Fact]
    public void An_evaluation_counts_what_the_rule_says_of_images_it_was_not_fitted_on()
    {
        ValidationAnswers fitted = Draw(3000, seed: 11), fresh = Draw(3000, seed: 12);
        DecisionRule rule = DecisionRule.Fit(fitted, Natural, Natural, DecisionRequest.DefaultSensitivity, DecisionRequest.DefaultCoverage)!;
        DecisionEvaluation evaluation = DecisionEvaluation.Of(fitted, Natural, Natural, fresh)!;
        int[] melanomas = [.. Enumerable.Range(0, 3000).Where(i => fresh.Labels[i] == 4)];
        Assert.Equal(Share(melanomas, i => rule.TriageOf(fresh.Probabilities[i], false).Recommendation == Triage.Refer), evaluation.MelanomaReferred!.Value,
            1e-12);
        Assert.Equal(melanomas.Length,
            evaluation.Recommendations["mel"].Refer + evaluation.Recommendations["mel"].Review + evaluation.Recommendations["mel"].Routine);
        Assert.Equal(Enumerable.Range(0, 3000).Average(i => rule.SetOf(fresh.Probabilities[i]).Count), evaluation.Sets[0].MeanSize, 1e-12);
        Assert.InRange(evaluation.Sensitivity!.Value, 0.92, 0.98);
        Assert.InRange(evaluation.Sets.Single(s => s.Promise == 0.95).Classes["mel"].Value, 0.92, 0.98);
    }

    [Fact]
    public void Cross_fitting_keeps_a_rule_from_the_lesions_that_it_is_applied_to()
    {
        // Every lesion has ten images. The probabilities say nothing, so that a rule that knew the lesions of its images could keep its promise exactly.
        ValidationAnswers answers = Draw(3000, seed: 13);
        answers = answers with { Lesions = [.. Enumerable.Range(0, 3000).Select(i => (answers.Labels[i] * 1000) + (i / 10))] };
        bool[] halves = DecisionEvaluation.HalvesOf(answers.Labels, answers.Lesions);
        Assert.All(Enumerable.Range(0, 3000).GroupBy(i => answers.Lesions[i]), lesion => Assert.Single(lesion.Select(i => halves[i]).Distinct()));
        foreach (int c in Enumerable.Range(0, 7))
        {
            int[] lesions = [.. Enumerable.Range(0, 3000).Where(i => answers.Labels[i] == c).Select(i => answers.Lesions[i]).Distinct()];
            int first = lesions.Count(l => !halves[Enumerable.Range(0, 3000).First(i => answers.Lesions[i] == l)]);
            Assert.InRange(first - (lesions.Length - first), 0, 1);
        }

        DecisionEvaluation crossFitted = DecisionEvaluation.CrossFitted(Natural, answers)!;
        Assert.InRange(crossFitted.Sensitivity!.Value, 0.9, 0.99);
        Assert.Contains("one half of the lesions", crossFitted.Method, StringComparison.Ordinal);
        Assert.Null(DecisionEvaluation.CrossFitted(Natural, new("x", [0, 5], [0, 1], [Natural, Natural])));
    }

    [Fact]
    public void Without_melanomas_there_is_no_rule()
    {
        ValidationAnswers answers = new("x", [0, 5], [0, 1], [Natural, Natural]);
        Assert.Null(DecisionRule.Fit(answers, Natural, Natural, 0.95, 0.9));
    }

    private static double Share<T>(IReadOnlyCollection<T> values, Func<T, bool> condition) => (double)values.Count(condition) / values.Count;

    /// <summary>Calibrated answers: logits are normal around the label, and the probabilities are Bayes' for that.</summary>
    private static ValidationAnswers Draw(int count, int seed)
    {
        Random random = new(seed);
        int[] labels = new int[count];
        double[][] probabilities = new double[count][];
        for (int i = 0; i < count; i++)
        {
            double draw = random.NextDouble();
            int label = 0;
            while (label < 6 && (draw -= Natural[label]) > 0)
            {
                label++;
            }

            double[] weights = [.. Natural.Select((share, c) => share * Math.Exp((2 * ((c == label ? 2 : 0) + Normal(random))) - 2))];
            (labels[i], probabilities[i]) = (label, [.. weights.Select(w => w / weights.Sum())]);
        }

        return new("drawn", labels, [.. Enumerable.Range(0, count)], probabilities);
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
