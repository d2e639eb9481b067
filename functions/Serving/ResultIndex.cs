using System.Text;
using Azure;
using Azure.Storage.Blobs;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Finds a result by its id without listing all results: <c>result-names/{id}</c> holds the name of the image. It is written before the result, so that
/// no result lacks it, whichever instance wrote it. Where the result was deleted or replaced meanwhile it leads to nothing: readers compare the id in the result.
/// </summary>
public sealed class ResultIndex(BlobServiceClient storage)
{
    private const string Container = "result-names";

    private BlobContainerClient Names => storage.GetBlobContainerClient(Container);

    /// <summary>Records which image the result of an id is about.</summary>
    internal Task WriteAsync(string id, string image, CancellationToken cancellationToken) =>
        Names.UploadOrCreateAsync(id, Encoding.UTF8.GetBytes(image), new() { HttpHeaders = new() { ContentType = "text/plain; charset=utf-8" } }, cancellationToken);

    /// <summary>The image's name in the container <c>lesions</c>, or null where no result had this id.</summary>
    internal async Task<string?> FindAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            return (await Names.GetBlobClient(id).DownloadContentAsync(cancellationToken)).Value.Content.ToString();
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }
}
