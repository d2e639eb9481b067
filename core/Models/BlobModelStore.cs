using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Core.Models;

/// <summary>Packages in a blob container.</summary>
/// <param name="container">The container, e.g. <c>models</c>.</param>
/// <param name="cacheFolder">Where fetched packages are kept; a package found there with the right hashes is not fetched again.</param>
public sealed class BlobModelStore(BlobContainerClient container, string cacheFolder) : ModelStore
{
    /// <inheritdoc/>
    public override string Location => $"{container.AccountName}/{container.Name}";

    /// <inheritdoc/>
    public override async Task<string?> ReadCurrentVersionAsync(string name, CancellationToken cancellationToken)
    {
        string pointer = $"{name}/{CurrentVersion.FileName}";
        try
        {
            BlobDownloadResult result = await container.GetBlobClient(pointer).DownloadContentAsync(cancellationToken).ConfigureAwait(false);
            return ModelPackage.ParseCurrent(result.Content.ToMemory().Span, $"{Location}/{pointer}").Version;
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public override async Task<ModelPackage> FetchAsync(string name, string version, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(cacheFolder, name, ModelPackage.CheckedName(version, Location));
        string prefix = $"{name}/{version}/";
        string manifestName = prefix + ModelManifest.FileName;
        byte[] manifestJson = await DownloadAsync(manifestName, cancellationToken).ConfigureAwait(false);
        ModelManifest manifest = ModelPackage.ParseManifest(manifestJson, $"{Location}/{manifestName}");

        Directory.CreateDirectory(folder);
        foreach ((string file, string hash) in manifest.Files)
        {
            string target = Path.Combine(folder, ModelPackage.CheckedName(file, manifestName));
            if (!File.Exists(target) || !string.Equals(ModelPackage.Hash(target), hash, StringComparison.OrdinalIgnoreCase))
            {
                await WriteWholeAsync(target, await DownloadAsync(prefix + file, cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
            }
        }

        await WriteWholeAsync(Path.Combine(folder, ModelManifest.FileName), manifestJson, cancellationToken).ConfigureAwait(false);
        return ModelPackage.Open(folder);
    }

    /// <inheritdoc/>
    protected override async Task<byte[]?> ReadAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return (await container.GetBlobClient(path).DownloadContentAsync(cancellationToken).ConfigureAwait(false)).Value.Content.ToArray();
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    protected override async Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken)
    {
        List<string> folders = [];
        try
        {
            await foreach (BlobHierarchyItem item in container.GetBlobsByHierarchyAsync(new GetBlobsByHierarchyOptions { Delimiter = "/", Prefix = prefix }, cancellationToken).ConfigureAwait(false))
            {
                if (item.IsPrefix)
                {
                    folders.Add(item.Prefix[prefix.Length..].TrimEnd('/'));
                }
            }
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
        {
            // The first publication makes the container.
        }

        return folders;
    }

    /// <inheritdoc/>
    protected override async Task WriteAsync(string path, byte[] content, CancellationToken cancellationToken) =>
        await container.GetBlobClient(path).UploadAsync(BinaryData.FromBytes(content), overwrite: true, cancellationToken).ConfigureAwait(false);

    private async Task<byte[]> DownloadAsync(string blob, CancellationToken cancellationToken)
    {
        try
        {
            BlobDownloadResult result = await container.GetBlobClient(blob).DownloadContentAsync(cancellationToken).ConfigureAwait(false);
            return result.Content.ToArray();
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            throw new ModelPackageException($"{Location} has no blob {blob}. Publish the package again.", e);
        }
    }

    private static async Task WriteWholeAsync(string target, byte[] content, CancellationToken cancellationToken)
    {
        string partial = $"{target}.{Guid.NewGuid():N}.partial"; // several processes may share the cache
        await File.WriteAllBytesAsync(partial, content, cancellationToken).ConfigureAwait(false);
        File.Move(partial, target, overwrite: true);
    }
}
