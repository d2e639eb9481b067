using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Core.Models;

/// <summary>A model store in a blob container.</summary>
/// <param name="container">The container, e.g. <c>models</c>.</param>
/// <param name="cacheFolder">
/// The local cache of fetched packages (see <see cref="PackageCache"/>); cached files with matching hashes are not downloaded again.
/// </param>
public sealed class BlobModelStore(BlobContainerClient container, string cacheFolder) : ModelStore
{
    /// <inheritdoc cref="PackageCache.DefaultFolder"/>
    public static string DefaultCacheFolder => PackageCache.DefaultFolder;

    /// <inheritdoc/>
    public override string Location => $"{container.AccountName}/{container.Name}";

    /// <inheritdoc/>
    public override async Task<string?> ReadCurrentVersionAsync(string name, CancellationToken cancellationToken)
    {
        string pointer = PathOf(name, CurrentVersion.FileName);
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
    /// <remarks>Keeps the two most recently fetched packages of the model in the cache and deletes older ones.</remarks>
    public override async Task<ModelPackage> FetchAsync(string name, string version, CancellationToken cancellationToken)
    {
        string manifestName = PathOf(name, version, ModelManifest.FileName);
        byte[] manifestJson = await DownloadAsync(manifestName, cancellationToken).ConfigureAwait(false);
        ModelManifest manifest = ModelPackage.ParseManifest(manifestJson, $"{Location}/{manifestName}");
        return await PackageCache.AddAsync(Path.Combine(cacheFolder, name), $"{version}-{ModelPackage.FingerprintOf(manifestJson)[..16]}", WriteAsync, cancellationToken).ConfigureAwait(false);

        async Task WriteAsync(string folder)
        {
            foreach ((string file, string hash) in manifest.Files)
            {
                string target = Path.Combine(folder, file);
                if (!File.Exists(target) || !string.Equals(ModelPackage.Hash(target), hash, StringComparison.OrdinalIgnoreCase))
                {
                    byte[] content = await DownloadAsync(PathOf(name, version, file), cancellationToken).ConfigureAwait(false);
                    await File.WriteAllBytesAsync(target, content, cancellationToken).ConfigureAwait(false);
                }
            }

            await File.WriteAllBytesAsync(Path.Combine(folder, ModelManifest.FileName), manifestJson, cancellationToken).ConfigureAwait(false);
        }
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
            // The first publication creates the container.
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
}
