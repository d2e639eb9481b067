using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Renders the image of a request as the service decodes it.</summary>
public sealed class Preview(ImageRequests requests, CurrentModel current, LesionResults results, ServingOptions options)
{
    private const int Side = 1024;

    /// <summary>
    /// <c>POST /api/preview</c>, with the image as for predict. <c>?view=image</c>, the default, returns a JPEG of at most 1024 pixels per side, for browsers
    /// that cannot display TIFF. <c>?view=model</c> returns a PNG of exactly the pixels that the model receives.
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
