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
    /// <param name="prefix">The folder's name, or nothing for the whole container.</param>
    public BlobFolder(BlobContainerClient container, string prefix = "")
    {
        Container = container;
        Prefix = prefix.Trim('/');
    }

    /// <summary>The container.</summary>
    public BlobContainerClient Container { get; }

    /// <summary>The folder's name without slashes at its ends; empty for the whole container.</summary>
    public string Prefix { get; }

    /// <summary>The place for messages: account, container and folder, without any key.</summary>
    public string Location => $"{Container.AccountName}/{Container.Name}{(Prefix.Length == 0 ? "" : "/" + Prefix)}";

    /// <summary>Whether an exception says that storage, the way there or the right to use it failed: what the client throws, at once or after several tries.</summary>
    public static bool IsStorageFailure(Exception exception) => exception switch
    {
        AggregateException several => several.InnerExceptions.Count > 0 && several.InnerExceptions.All(IsStorageFailure),
        RequestFailedException or AuthenticationFailedException or HttpRequestException or IOException => true,
        OperationCanceledException => true, // the client's time limit; asked where the work itself was not cancelled
        _ => false,
    };

    /// <summary>The blob of a name in this folder.</summary>
    public BlobClient Blob(string name) => Container.GetBlobClient(Prefix.Length == 0 ? name : $"{Prefix}/{name}");

    /// <summary>The blobs of the folder and those below it, by their names in this folder.</summary>
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

    /// <summary>Downloads a blob to a file that appears whole or not at all, with the blob's time of change.</summary>
    /// <param name="name">The blob's name in this folder.</param>
    /// <param name="path">The file; its folder is created.</param>
    /// <param name="progress">Told the bytes so far.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task DownloadAsync(string name, string path, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        await AtomicFile.WriteAsync(path, DownloadToAsync, isShared: true).ConfigureAwait(false);

        async Task DownloadToAsync(string partial)
        {
            BlobClient blob = Blob(name);
            BlobProperties properties = await blob.GetPropertiesAsync(cancellationToken: cancellationToken).ConfigureAwait(false);

            // The version that the properties are of, or nothing: a blob that is replaced meanwhile must not be mixed.
            BlobDownloadToOptions options = new() { Conditions = new() { IfMatch = properties.ETag }, ProgressHandler = progress };
            using (FileStream file = File.Create(partial))
            {
                await blob.DownloadToAsync(file, options, cancellationToken).ConfigureAwait(false);
                file.Flush(flushToDisk: true);
            }

            File.SetLastWriteTimeUtc(partial, properties.LastModified.UtcDateTime);
        }
    }

    /// <summary>Uploads a file; the blob is seen whole or, until then, as it was.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The blob's name in this folder.</param>
    /// <param name="options">Headers, metadata and progress, or null.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public async Task UploadAsync(string path, string name, BlobUploadOptions? options, CancellationToken cancellationToken) =>
        await Blob(name).UploadAsync(path, options ?? new(), cancellationToken).ConfigureAwait(false);

    /// <summary>Creates the container where it does not exist; what may only write blobs is content if it exists.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        try
        {
            await Container.CreateIfNotExistsAsync(cancellationToken: cancellationToken).ConfigureAwait(false);
        }
        catch (RequestFailedException e) when (e.Status is 403)
        {
            // A SAS of one container cannot create containers. If it does not exist either, the first upload says so.
        }
    }
}
