using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Lists the published versions of the models and marks those that are serving.</summary>
public sealed class Models(PublishedModels models)
{
    /// <summary><c>GET /api/models</c>: the newest twenty versions of each model, newest first.</summary>
    [Function("models")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "api/models")] HttpRequest request) =>
        Answers.Json(await models.ListAsync(request.HttpContext.RequestAborted), FunctionsJson.Default.IReadOnlyListModelVersion);
}
