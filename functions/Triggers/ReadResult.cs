using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Gives the result of one image that was dropped into the container.</summary>
public sealed class ReadResult(LesionResults results)
{
    /// <summary><c>GET /api/results/{name}</c>: the document <c>results/{name}.json</c>. Slashes of the name may be written as <c>%2F</c>.</summary>
    [Function("read-result")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "api/results/{*name}")] HttpRequest request, string name) =>
        await results.ReadAsync(BlobName.Of(name), request.HttpContext.RequestAborted) is { } document
            ? Results.Bytes(document.ToArray(), "application/json")
            : Answers.From(Problem.NotFound("result of this name"));
}
