using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Lists the results of the images that the blob triggers processed.</summary>
public sealed class ListResults(LesionResults results)
{
    /// <summary><c>GET /api/results?prefix=&amp;status=&amp;label=&amp;recommendation=&amp;from=&amp;to=&amp;continuation=</c>: newest first, fifty at a time.</summary>
    [Function("list-results")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "api/results")] HttpRequest request) =>
        Answers.Json(await results.ListAsync(ResultQuery.Of(request.Query), request.HttpContext.RequestAborted), FunctionsJson.Default.ResultPage);
}
