using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Imaging;
using Lentigo.Core.Storage;

namespace Lentigo.Functions.Serving;

/// <summary>Drops images of HTTP callers into the container <c>lesions</c>, where they are answered as any other.</summary>
public sealed class DroppedImages(BlobServiceClient storage)
{
    /// <summary>What the names of these images begin with.</summary>
    private const string Prefix = "api/";

    private BlobContainerClient Lesions => storage.GetBlobContainerClient(LesionBlobs.LesionsContainer);

    /// <summary>Drops an image under a name of 122 random bits.</summary>
    /// <returns>The name.</returns>
    /// <exception cref="ImageRejectedException">Its format is none that can be classified, so that its result is known already.</exception>
    public async Task<string> DropAsync(byte[] file, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(file);
        string extension = DicomFile.IsDicom(file) ? "dcm" : ImageFileFormats.Sniff(file) switch
        {
            ImageFileFormat.Jpeg => "jpg",
            ImageFileFormat.Png => "png",
            ImageFileFormat.WebP => "webp",
            ImageFileFormat.Tiff => "tif",
            _ => throw ImageRejectedException.Unsupported(file),
        };
        string name = $"{Prefix}{Guid.NewGuid():N}.{extension}";
        await Lesions.UploadOrCreateAsync(name, file, new() { Conditions = new() { IfNoneMatch = ETag.All } }, cancellationToken);
        return name;
    }

    /// <summary>Whether there is an image of this name.</summary>
    public async Task<bool> ExistsAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await Lesions.GetBlobClient(DotSegments.Keep(name)).ExistsAsync(cancellationToken);
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
        {
            return false;
        }
    }
}
