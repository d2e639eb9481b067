using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Returns the result of an image in the container <c>lesions</c>.</summary>
public sealed class ReadResult(LesionResults results, DroppedImages images)
{
    private const string RetryAfterSeconds = "2";

    /// <summary>
    /// <c>GET /api/results/{name}</c>: the document <c>results/{name}.json</c>. Slashes in the name may be written as <c>%2F</c>. While the image exists but
    /// has no result, the response is 404 with <c>Retry-After</c>.
    /// </summary>
    [Function("read-result")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "api/results/{*name}")] HttpRequest request, string name)
    {
        ArgumentNullException.ThrowIfNull(request);
        CancellationToken gone = request.HttpContext.RequestAborted;
        string image = BlobName.Of(name);
        if (await results.ReadAsync(image, gone) is { } document)
        {
            return Results.Bytes(document.ToArray(), "application/json");
        }

        if (!await images.ExistsAsync(image, gone))
        {
            return Answers.From(Problem.NotFound("result of this name"));
        }

        request.HttpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
        return Answers.From(Problem.ResultPending());
    }
}
