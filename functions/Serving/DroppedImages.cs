using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Imaging;
using Lentigo.Core.Storage;

namespace Lentigo.Functions.Serving;

/// <summary>Stores images of HTTP callers in the container <c>lesions</c>, where they are processed like any other.</summary>
public sealed class DroppedImages(BlobServiceClient storage)
{
    /// <summary>The prefix of the names of these images.</summary>
    private const string Prefix = "api/";

    private BlobContainerClient Lesions => storage.GetBlobContainerClient(LesionBlobs.LesionsContainer);

    /// <summary>Stores an image under a random name with 122 bits of entropy.</summary>
    /// <returns>The image's name.</returns>
    /// <exception cref="ImageRejectedException">The image's format is not supported, so its result is already known.</exception>
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

    /// <summary>Whether an image of this name exists.</summary>
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
