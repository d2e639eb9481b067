using System.Globalization;
using Lentigo.Core.Decisions;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Http;

/// <summary>The query of <c>POST /api/predict</c>: <c>prior</c>, <c>sensitivity</c>, <c>coverage</c>, <c>explain</c>, <c>similar</c>, <c>suitability</c>.</summary>
internal static class PredictQuery
{
    /// <summary>Reads the query.</summary>
    /// <param name="query">The query.</param>
    /// <param name="prior">The class prior where the query names none.</param>
    /// <exception cref="ProblemException">A value is none that may be asked for.</exception>
    public static PredictionOptions Read(IQueryCollection query, string prior)
    {
        ArgumentNullException.ThrowIfNull(query);
        return new()
        {
            Decision = new(
                One(query, "prior") ?? prior,
                Share(query, "sensitivity") ?? DecisionRequest.DefaultSensitivity,
                Share(query, "coverage") ?? DecisionRequest.DefaultCoverage),
            Explain = One(query, "explain") is { } explain and not "false" ? explain : null,
            Similar = Count(query, "similar"),
            AnswerUnsuitable = One(query, "suitability") switch
            {
                null or "refuse" => false,
                "warn" => true,
                _ => throw Invalid("suitability", "refuse or warn"),
            },
        };
    }

    private static string? One(IQueryCollection query, string name) => query[name] switch
    {
        [] => null,
        [{ Length: > 0 } value] => value,
        _ => throw Invalid(name, "written once, with a value"),
    };

    private static double? Share(IQueryCollection query, string name) => One(query, name) is not { } text ? null
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value is >= DecisionRequest.Least and <= DecisionRequest.Most ? value
        : throw Invalid(name, string.Create(CultureInfo.InvariantCulture, $"a number from {DecisionRequest.Least} to {DecisionRequest.Most}"));

    private static int Count(IQueryCollection query, string name) => One(query, name) is not { } text ? 0
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value <= PredictionOptions.MostSimilar ? value
        : throw Invalid(name, $"a whole number from 0 to {PredictionOptions.MostSimilar}");

    private static ProblemException Invalid(string name, string allowed) => new(Problem.InvalidParameter(name, allowed));
}
