using System.Globalization;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Returns a thumbnail of an image in the container <c>lesions</c>, whatever its format.</summary>
public sealed class Picture(LesionResults results)
{
    private const int DefaultSide = 160, MaxSide = 1024;

    /// <summary>
    /// <c>GET /api/pictures/{name}?side=160</c>: the image <c>lesions/{name}</c> as a JPEG with a longer side of at most <c>side</c> pixels, without
    /// metadata.
    /// </summary>
    [Function("picture")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "get", "head", Route = "api/pictures/{*name}")] HttpRequest request, string name)
    {
        int side = DefaultSide;
        if (request.Query["side"] is [{ } wanted] && !(int.TryParse(wanted, CultureInfo.InvariantCulture, out side) && side is >= 1 and <= MaxSide))
        {
            throw new ProblemException(Problem.InvalidParameter("side", $"a number of pixels from 1 to {MaxSide}"));
        }

        byte[]? picture = await results.PictureAsync(BlobName.Of(name), side, request.HttpContext.RequestAborted);
        request.HttpContext.Response.Headers.CacheControl = "private, max-age=60";
        return picture is null ? Answers.From(Problem.NotFound("image of this name")) : Results.Bytes(picture, "image/jpeg");
    }
}
