using Lentigo.Functions.Contracts;
using Lentigo.Functions.Description;
using Lentigo.Functions.Fhir;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Net.Http.Headers;

namespace Lentigo.Functions.Http;

/// <summary>
/// Rejects API requests whose Accept header allows none of the operation's media types (RFC 9110, section 12.5.1), before any work is done for them.
/// </summary>
public sealed class AcceptedAnswers : IFunctionsWorkerMiddleware
{
    /// <inheritdoc/>
    public Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        return context.GetHttpContext() is { } http && ApiOperations.Of(context.FunctionDefinition.Name) is { } operation && Preferred(http.Request, operation.MediaTypes) is null
            ? throw new ProblemException(Problem.NotAcceptable(operation.MediaTypes))
            : next(context);
    }

    /// <summary>Whether the caller of an operation that offers both formats prefers FHIR to JSON.</summary>
    public static bool PrefersFhir(HttpRequest request) => Preferred(request, [ApiOperations.Json, FhirDocuments.MediaType]) == FhirDocuments.MediaType;

    /// <summary>The served media type that the caller prefers; the first one if the request has no Accept header; null if the caller accepts none.</summary>
    public static string? Preferred(HttpRequest request, IEnumerable<string> served)
    {
        ArgumentNullException.ThrowIfNull(request);
        IList<MediaTypeHeaderValue> accepted = request.GetTypedHeaders().Accept;
        if (accepted.Count == 0)
        {
            return served.First();
        }

        return served.Select(type => (Type: type, Quality: Quality(type, accepted))).Where(t => t.Quality > 0).OrderByDescending(t => t.Quality).Select(t => t.Type).FirstOrDefault();
    }

    /// <summary>The quality value of the most specific media range that matches the type.</summary>
    private static double Quality(string type, IEnumerable<MediaTypeHeaderValue> accepted) =>
        accepted.Where(a => new MediaTypeHeaderValue(type).IsSubsetOf(Plain(a))).OrderBy(a => a.MatchesAllTypes).ThenBy(a => a.MatchesAllSubTypes).Select(a => a.Quality ?? 1).FirstOrDefault();

    /// <summary>The range without parameters such as charset, which do not matter for JSON.</summary>
    private static MediaTypeHeaderValue Plain(MediaTypeHeaderValue range) => new(range.MediaType);
}
