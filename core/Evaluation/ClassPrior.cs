using System.Globalization;

namespace Lentigo.Core.Evaluation;

/// <summary>
/// Adjusts probabilities to another class prior: if p(c) holds under the prior s(c), then p(c) t(c) / s(c), normalized, holds under the prior t(c), provided
/// that the distribution of images within each class is the same (Saerens et al. 2002, doi:10.1162/089976602753284446).
/// </summary>
public static class ClassPrior
{
    /// <summary>The name of the class prior of the model.</summary>
    public const string Natural = "natural";

    /// <summary>The name of the prior of equally frequent classes.</summary>
    public const string Uniform = "uniform";

    /// <summary>[7]: the prior of equally frequent classes.</summary>
    public static IReadOnlyList<double> UniformShares { get; } = [.. Enumerable.Repeat(1.0 / LesionClasses.Count, LesionClasses.Count)];

    /// <summary>Re-weights the probabilities of one image.</summary>
    /// <param name="probabilities">[7], summing to 1.</param>
    /// <param name="source">[7]: their class prior. The probability of a class with prior 0 is not re-weighted.</param>
    /// <param name="target">[7]: the target class prior.</param>
    /// <returns>[7], summing to 1.</returns>
    /// <exception cref="ArgumentException">The lengths differ.</exception>
    public static double[] Reweigh(IReadOnlyList<double> probabilities, IReadOnlyList<double> source, IReadOnlyList<double> target)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(target);
        if (source.Count != probabilities.Count || target.Count != probabilities.Count)
        {
            throw new ArgumentException($"{probabilities.Count} probabilities, but priors of {source.Count} and {target.Count} classes.", nameof(target));
        }

        if (source.SequenceEqual(target))
        {
            return [.. probabilities]; // avoids rounding errors of p t / t
        }

        double[] weighed = [.. probabilities.Select((p, c) => source[c] > 0 ? p * target[c] / source[c] : p)];
        double sum = weighed.Sum();
        return sum > 0 ? [.. weighed.Select(w => w / sum)] : [.. probabilities];
    }

    /// <summary>Parses <c>natural</c>, <c>uniform</c> or seven comma-separated numbers above 0, which are normalized to sum to 1.</summary>
    /// <param name="text">The text.</param>
    /// <param name="natural">[7]: the meaning of <c>natural</c>.</param>
    /// <returns>[7], or null if the text is none of these.</returns>
    public static IReadOnlyList<double>? Parse(string text, IReadOnlyList<double> natural)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(natural);
        switch (text)
        {
            case Natural:
                return natural;
            case Uniform:
                return UniformShares;
        }

        double[] values = [.. text.Split(',')
            .Select(v => double.TryParse(v, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && number > 0 && double.IsFinite(number)
            ? number : double.NaN)];
        double sum = values.Sum();
        return values.Length == natural.Count && double.IsFinite(sum) ? [.. values.Select(v => v / sum)] : null;
    }
}
