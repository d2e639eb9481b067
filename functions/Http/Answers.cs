using System.Text.Json.Serialization.Metadata;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Http;

/// <summary>The HTTP answers that this app gives.</summary>
internal static class Answers
{
    /// <summary>A document of the JSON context.</summary>
    public static IResult Json<T>(T document, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK) => Results.Json(document, type, statusCode: status);

    /// <summary>A problem document (RFC 9457) with its status.</summary>
    public static IResult From(Problem problem) =>
        Results.Json(problem, FunctionsJson.Default.Problem, contentType: "application/problem+json", statusCode: problem.Status);
}
