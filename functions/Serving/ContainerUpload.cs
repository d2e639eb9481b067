using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Serving;

/// <summary>Uploads to containers that are created on first use.</summary>
internal static class ContainerUpload
{
    /// <summary>Uploads a blob, creating its container if it does not exist.</summary>
    public static async Task UploadOrCreateAsync(this BlobContainerClient container, string blob, byte[] content, BlobUploadOptions options, CancellationToken cancellationToken)
    {
        try
        {
            await container.GetBlobClient(blob).UploadAsync(BinaryData.FromBytes(content), options, cancellationToken);
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
        {
            await container.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            await container.GetBlobClient(blob).UploadAsync(BinaryData.FromBytes(content), options, cancellationToken);
        }
    }
}
