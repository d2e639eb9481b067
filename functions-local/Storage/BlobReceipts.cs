using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Local.Storage;

/// <summary>
/// Which versions of which blobs a function has been given: empty blobs in <c>azure-webjobs-hosts</c>, named
/// <c>blobreceipts/{host}/{function}/{etag}/{container}/{blob}</c> as the Functions host names them, so that a restart gives no blob twice.
/// </summary>
internal sealed class BlobReceipts(BlobServiceClient service, string hostId, string functionId, string container)
{
    private readonly BlobContainerClient receipts = service.GetBlobContainerClient("azure-webjobs-hosts");
    private readonly string prefix = $"blobreceipts/{hostId}/{functionId}/";

    /// <summary>The receipts there are: pairs of a blob's name and its ETag with quotes.</summary>
    public async Task<HashSet<(string Blob, string ETag)>> LoadAsync(CancellationToken cancellationToken)
    {
        await receipts.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
        HashSet<(string, string)> known = [];
        await foreach (BlobItem item in receipts.GetBlobsAsync(new GetBlobsOptions { Prefix = prefix }, cancellationToken))
        {
            string[] parts = item.Name[prefix.Length..].Split('/', 3);
            if (parts.Length == 3 && parts[1] == container)
            {
                known.Add((parts[2], parts[0]));
            }
        }

        return known;
    }

    /// <summary>Writes a receipt. A name too long for one (1,024 characters with the path before it) is remembered only while the app runs.</summary>
    /// <returns>Whether it could be written.</returns>
    public async Task<bool> AddAsync(string blob, string etag, CancellationToken cancellationToken)
    {
        string name = $"{prefix}{etag}/{container}/{blob}";
        if (name.Length > 1024)
        {
            return false;
        }

        try
        {
            await receipts.GetBlobClient(name).UploadAsync(BinaryData.Empty, new BlobUploadOptions { Conditions = new() { IfNoneMatch = ETag.All } }, cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status is 409 or 412)
        {
            // another process was quicker, which is what a receipt is for
        }

        return true;
    }
}
