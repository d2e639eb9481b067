using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Lentigo.Functions.Local.Http;

/// <summary>
/// Responses that the host sends instead of a function: problem documents (RFC 9457) of type 'about:blank', because the HTTP status says everything (section
/// 4.2.1).
/// </summary>
internal static class HostProblem
{
    /// <summary>Sends a problem document.</summary>
    /// <param name="context">The request context; the response must not have started.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="detail">What happened and what to do.</param>
    public static Task AnswerAsync(HttpContext context, int status, string detail)
    {
        context.Response.StatusCode = status;
        return Results.Problem(detail, statusCode: status, title: ReasonPhrases.GetReasonPhrase(status), type: "about:blank").ExecuteAsync(context);
    }
}
