using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Lentigo.Functions.Local.Http;

/// <summary>What is answered before or instead of a function: a problem document (RFC 9457) whose type is 'about:blank', as its status says all (section 4.2.1).</summary>
internal static class HostProblem
{
    /// <summary>Answers with a problem.</summary>
    /// <param name="context">The request, whose answer has not begun.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="detail">What happened and what to do.</param>
    public static Task AnswerAsync(HttpContext context, int status, string detail)
    {
        context.Response.StatusCode = status;
        return Results.Problem(detail, statusCode: status, title: ReasonPhrases.GetReasonPhrase(status), type: "about:blank").ExecuteAsync(context);
    }
}
