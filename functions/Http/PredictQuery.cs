using System.Globalization;
using Lentigo.Core.Decisions;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Http;

/// <summary>
/// Parses the query of <c>POST /api/predict</c>: <c>prior</c>, <c>sensitivity</c>, <c>coverage</c>, <c>explain</c>, <c>similar</c>, <c>suitability</c>.
/// </summary>
internal static class PredictQuery
{
    /// <summary>Parses the query.</summary>
    /// <param name="query">The query.</param>
    /// <param name="defaults">The values of parameters that the query does not set.</param>
    /// <exception cref="ProblemException">A value is invalid.</exception>
    public static PredictionOptions Read(IQueryCollection query, PredictionOptions defaults)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(defaults);
        return new()
        {
            Decision = new(
                One(query, "prior") ?? defaults.Decision.Prior,
                Share(query, "sensitivity") ?? defaults.Decision.Sensitivity,
                Share(query, "coverage") ?? defaults.Decision.Coverage),
            Explain = One(query, "explain") is { } explain and not "false" ? explain : null,
            Similar = Count(query, "similar"),
            AnswerUnsuitable = One(query, "suitability") switch
            {
                null => defaults.AnswerUnsuitable,
                ServingOptions.Refuse => false,
                ServingOptions.Warn => true,
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
