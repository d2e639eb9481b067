using System.Text;
using Azure;
using Azure.Storage.Blobs;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Finds a result by its id without listing all results: <c>result-names/{id}</c> contains the name of the image. The entry is written before the result, so
/// every result has one, whichever instance wrote it. If the result was deleted or replaced in the meantime, the entry is stale: readers compare the id in
/// the result.
/// </summary>
public sealed class ResultIndex(BlobServiceClient storage)
{
    private const string Container = "result-names";

    private BlobContainerClient Names => storage.GetBlobContainerClient(Container);

    /// <summary>Records the image that the result with this id belongs to.</summary>
    internal Task WriteAsync(string id, string image, CancellationToken cancellationToken) =>
        Names.UploadOrCreateAsync(id, Encoding.UTF8.GetBytes(image), new() { HttpHeaders = new() { ContentType = "text/plain; charset=utf-8" } }, cancellationToken);

    /// <summary>The image's name in the container <c>lesions</c>, or null if no result has had this id.</summary>
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
