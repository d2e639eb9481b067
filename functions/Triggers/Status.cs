using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Reports how many images are waiting and how many have results.</summary>
public sealed class Status(LesionStatus status)
{
    /// <summary><c>GET /api/status</c>.</summary>
    [Function("status")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "api/status")] HttpRequest request) =>
        Answers.Json(await status.ReadAsync(request.HttpContext.RequestAborted), FunctionsJson.Default.ServiceStatus);
}
