using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Accepts an image from callers that do not wait for its result.</summary>
public sealed class DropLesion(ImageRequests requests, DroppedImages images)
{
    private const string RetryAfterSeconds = "2";

    /// <summary><c>POST /api/lesions</c>, with the image as for predict: returns 202 with the URL of the result.</summary>
    [Function("drop-lesion")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/lesions")] HttpRequest request)
    {
        CancellationToken gone = request.HttpContext.RequestAborted;
        using RequestImages image = await requests.ReadFirstAsync(request, gone);
        string name = await images.DropAsync(image.First, gone), result = $"/api/results/{name}";
        request.HttpContext.Response.Headers.Location = result;
        request.HttpContext.Response.Headers.RetryAfter = RetryAfterSeconds;
        return Answers.Json(new(name, result), FunctionsJson.Default.LesionReceipt, StatusCodes.Status202Accepted);
    }
}
