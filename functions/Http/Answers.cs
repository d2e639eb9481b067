using System.Text;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Fhir;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Http;

/// <summary>Creates the app's HTTP responses.</summary>
internal static class Answers
{
    /// <summary>A JSON document, serialized with the app's JSON context.</summary>
    public static IResult Json<T>(T document, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK) => Results.Json(document, type, statusCode: status);

    /// <summary>A FHIR resource.</summary>
    public static IResult Fhir(JsonObject resource, int status = StatusCodes.Status200OK) =>
        Results.Text(resource.ToJsonString(FunctionsJson.Default.Options), FhirDocuments.MediaType, Encoding.UTF8, status);

    /// <summary>A problem in the format that the caller prefers: a FHIR <c>OperationOutcome</c> or a problem document.</summary>
    public static IResult From(Problem problem, HttpRequest request) => AcceptedAnswers.PrefersFhir(request) ? Fhir(FhirDocuments.Outcome(problem), problem.Status) : From(problem);

    /// <summary>A problem document (RFC 9457) with its HTTP status.</summary>
    public static IResult From(Problem problem) =>
        Results.Json(problem, FunctionsJson.Default.Problem, contentType: "application/problem+json", statusCode: problem.Status);
}
