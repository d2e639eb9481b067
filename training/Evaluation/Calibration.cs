using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;

namespace Lentigo.Training.Evaluation;

/// <summary>Calibration on validation logits.</summary>
internal static class Calibration
{
    private const double Coldest = 0.05, Hottest = 20;

    /// <summary>
    /// The temperature T of softmax(z / T) with the lowest mean negative log likelihood (Guo et al. 2017, arXiv:1706.04599), by golden-section
    /// search over log T: the likelihood has one maximum.
    /// </summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="logits">[n][7].</param>
    public static double Temperature(IReadOnlyList<int> labels, IReadOnlyList<float[]> logits)
    {
        return Temperature(labels, (i, temperature) => EnsembleOutput.Softmax(logits[i], temperature));
    }

    /// <summary>As <see cref="Temperature(IReadOnlyList{int}, IReadOnlyList{float[]})"/>, for probabilities that depend on T in another way.</summary>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="probabilities">The probabilities [7] of an image, by its index, at a temperature.</param>
    public static double Temperature(IReadOnlyList<int> labels, Func<int, double, double[]> probabilities)
    {
        double Loss(double log) => Enumerable.Range(0, labels.Count).Sum(i => -Math.Log(Math.Max(1e-300, probabilities(i, Math.Exp(log))[labels[i]])));
        double ratio = (Math.Sqrt(5) - 1) / 2, low = Math.Log(Coldest), high = Math.Log(Hottest);
        double a = high - (ratio * (high - low)), b = low + (ratio * (high - low)), lossA = Loss(a), lossB = Loss(b);
        while (high - low > 1e-4)
        {
            if (lossA < lossB)
            {
                (high, b, lossB) = (b, a, lossA);
                lossA = Loss(a = high - (ratio * (high - low)));
            }
            else
            {
                (low, a, lossA) = (a, b, lossB);
                lossB = Loss(b = low + (ratio * (high - low)));
            }
        }

        return Math.Round(Math.Exp((low + high) / 2), 4);
    }

    /// <summary>
    /// Calibration errors before and after temperature scaling, of each member, the average of their logits and the average of their probabilities. Each
    /// temperature is fitted on one half of the lesions and applied to the other half, in both directions.
    /// </summary>
    /// <param name="answers">The model's predictions.</param>
    /// <param name="labels">[n], 0 to 6.</param>
    /// <param name="lesions">[n]: images with equal entries show one lesion.</param>
    public static IReadOnlyList<CalibrationComparison> Compare(EnsembleAnswers answers, IReadOnlyList<int> labels, IReadOnlyList<string> lesions)
    {
        float[][][] members = [.. answers.MemberLogits.Values];
        bool[] second = DecisionEvaluation.HalvesOf(labels, lesions);
        List<CalibrationComparison> rows = [.. answers.MemberLogits.Select(m => Row(m.Key, (i, t) => EnsembleOutput.Softmax(m.Value[i], t)))];
        if (members.Length > 1)
        {
            rows.Add(Row(CalibrationComparison.LogitAverage, (i, t) => EnsembleOutput.Softmax(answers.Logits[i], t)));
            rows.Add(Row(CalibrationComparison.ProbabilityAverage, (i, t) =>
            {
                double[][] each = [.. members.Select(m => EnsembleOutput.Softmax(m[i], t))];
                return [.. Enumerable.Range(0, LesionClasses.Count).Select(c => each.Average(p => p[c]))];
            }));
        }

        return rows;

        CalibrationComparison Row(string name, Func<int, double, double[]> probabilities)
        {
            double FittedOn(bool half)
            {
                int[] images = [.. Enumerable.Range(0, labels.Count).Where(i => second[i] == half)];
                return images.Length == 0 ? 1 : Temperature([.. images.Select(i => labels[i])], (i, t) => probabilities(images[i], t));
            }

            double onFirst = FittedOn(false), onSecond = FittedOn(true);
            double[][] At(Func<int, double> temperature) => [.. Enumerable.Range(0, labels.Count).Select(i => probabilities(i, temperature(i)))];
            return new(name, CalibrationErrors.Compute(labels, At(_ => 1)), CalibrationErrors.Compute(labels, At(i => second[i] ? onFirst : onSecond)));
        }
    }
}
