using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Shows an image of a request as the service reads it.</summary>
public sealed class Preview(ImageRequests requests, CurrentModel current, LesionResults results, ServingOptions options)
{
    private const int Side = 1024;

    /// <summary>
    /// <c>POST /api/preview</c>, the image as for predict. <c>?view=image</c>, the default: a JPEG of at most 1024 pixels a side, for browsers that cannot show TIFF.
    /// <c>?view=model</c>: a PNG of exactly the pixels that the model is given.
    /// </summary>
    [Function("preview")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/preview")] HttpRequest request)
    {
        CancellationToken gone = request.HttpContext.RequestAborted;
        string view = request.Query["view"] is [{ Length: > 0 } wanted] ? wanted : "image";
        if (view is not ("image" or "model"))
        {
            throw new ProblemException(Problem.InvalidParameter("view", "'image' or 'model'"));
        }

        using RequestImages image = await requests.ReadFirstAsync(request, gone);
        byte[] file = image.First;
        if (view == "image")
        {
            return Results.Bytes(await results.OnProcessorAsync(file, () => LesionPicture.Copy(file, Side, options.Limits, gone), gone), "image/jpeg");
        }

        using ModelLease lease = current.Acquire();
        int size = lease.Model.Manifest.Input.Size;
        return Results.Bytes(await results.OnProcessorAsync(file, () => LesionPicture.ModelInput(file, size, options.Limits, gone), gone), "image/png");
    }
}
