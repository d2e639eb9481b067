using Lentigo.Functions.Description;
using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Returns the machine-readable description of the API.</summary>
public sealed class OpenApi(ApiDescription description)
{
    /// <summary><c>GET /api/openapi.json</c>: an OpenAPI 3.1 document.</summary>
    [Function("open-api")]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api/openapi.json")] HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.HttpContext.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(description.Document, ApiOperations.Json, entityTag: PageFiles.WeakTag(description.Document));
    }
}
