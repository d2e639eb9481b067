using Azure;
using Azure.Identity;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Storage;

namespace Lentigo.Training.Storage;

/// <summary>The blobs of a container whose names begin with a prefix: a folder in blob storage.</summary>
internal sealed class BlobFolder
{
    /// <summary>A folder of a container.</summary>
    /// <param name="container">The container.</param>
    /// <param name="prefix">The name of the folder; empty for the whole container.</param>
    public BlobFolder(BlobContainerClient container, string prefix = "")
    {
        Container = container;
        Prefix = prefix.Trim('/');
    }

    /// <summary>The container.</summary>
    public BlobContainerClient Container { get; }

    /// <summary>The name of the folder without leading and trailing slashes; empty for the whole container.</summary>
    public string Prefix { get; }

    /// <summary>The location for messages: account, container and folder, without secrets.</summary>
    public string Location => $"{Container.AccountName}/{Container.Name}{(Prefix.Length == 0 ? "" : "/" + Prefix)}";

    /// <summary>
    /// Whether an exception of the storage client reports a failure of the service, the network or the authorization, possibly after retries.
    /// </summary>
    public static bool IsStorageFailure(Exception exception) => exception switch
    {
        AggregateException several => several.InnerExceptions.Count > 0 && several.InnerExceptions.All(IsStorageFailure),
        RequestFailedException or AuthenticationFailedException or HttpRequestException or IOException => true,
        OperationCanceledException => true, // the timeout of the client; callers ask only where they did not cancel
        _ => false,
    };

    /// <summary>The blob with a name in this folder.</summary>
    public BlobClient Blob(string name) => Container.GetBlobClient(Prefix.Length == 0 ? name : $"{Prefix}/{name}");

    /// <summary>All blobs in the folder and below, by their names relative to it.</summary>
    public async Task<IReadOnlyList<(string Name, BlobItem Blob)>> ListAsync(CancellationToken cancellationToken)
    {
        List<(string, BlobItem)> blobs = [];
        string start = Prefix.Length == 0 ? "" : Prefix + "/";
        await foreach (BlobItem blob in Container.GetBlobsAsync(BlobTraits.Metadata, BlobStates.None, start, cancellationToken).ConfigureAwait(false))
        {
            blobs.Add((blob.Name[start.Length..], blob));
        }

        return blobs;
    }

    /// <summary>Downloads a blob to a file, atomically, with the modification time of the blob.</summary>
    /// <param name="name">The blob's name in this folder.</param>
    /// <param name="path">The file; its folder is created.</param>
    /// <param name="progress">Receives the number of bytes.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task DownloadAsync(string name, string path, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        await AtomicFile.WriteAsync(path, DownloadToAsync, isShared: true).ConfigureAwait(false);

        async Task DownloadToAsync(string partial)
        {
            BlobClient blob = Blob(name);
            BlobProperties properties = await blob.GetPropertiesAsync(cancellationToken: cancellationToken).ConfigureAwait(false);

            // Only the version that the properties belong to: never mix two versions of a blob.
            BlobDownloadToOptions options = new() { Conditions = new() { IfMatch = properties.ETag }, ProgressHandler = progress };
            using (FileStream file = File.Create(partial))
            {
                await blob.DownloadToAsync(file, options, cancellationToken).ConfigureAwait(false);
                file.Flush(flushToDisk: true);
            }

            File.SetLastWriteTimeUtc(partial, properties.LastModified.UtcDateTime);
        }
    }

    /// <summary>Uploads a file; readers see the old blob until the upload is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The blob's name in this folder.</param>
    /// <param name="options">Headers, metadata and progress, or null.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task UploadAsync(string path, string name, BlobUploadOptions? options, CancellationToken cancellationToken) =>
        await Blob(name).UploadAsync(path, options ?? new(), cancellationToken).ConfigureAwait(false);

    /// <summary>Creates the container where it does not exist.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Container.CreateIfNotExistsAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        catch (RequestFailedException e) when (e.Status is 403)
        {
            // A blob-only SAS cannot create containers. If the container does not exist, the first upload reports it.
        }
    }
}
