using System.Text.Json;

namespace Lentigo.Core.Models;

/// <summary>A place that holds model packages: <c>{name}/{version}/...</c> and the pointer <c>{name}/current.json</c>.</summary>
public abstract class ModelStore
{
    /// <summary>The place, for messages. Holds no secret.</summary>
    public abstract string Location { get; }

    /// <summary>The version that the pointer names, or null where there is no pointer.</summary>
    /// <exception cref="ModelPackageException">The pointer is malformed.</exception>
    public abstract Task<string?> ReadCurrentVersionAsync(string name, CancellationToken cancellationToken);

    /// <summary>Brings a version to this machine and checks it.</summary>
    /// <exception cref="ModelPackageException">The package is missing, incomplete or corrupt.</exception>
    public abstract Task<ModelPackage> FetchAsync(string name, string version, CancellationToken cancellationToken);

    /// <summary>Publishes a package: its files, then its manifest, last the pointer, so that a reader never sees half of it.</summary>
    public async Task PublishAsync(ModelPackage package, CancellationToken cancellationToken)
    {
        await AddAsync(package, cancellationToken).ConfigureAwait(false);
        await PointToAsync(package.Manifest.Name, package.Manifest.Version, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes a package's files, then its manifest. The version that serves stays: the pointer is not changed.</summary>
    public async Task AddAsync(ModelPackage package, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(package);
        ModelManifest manifest = package.Manifest;
        foreach (string file in manifest.Files.Keys.Append(ModelManifest.FileName))
        {
            byte[] content = await File.ReadAllBytesAsync(Path.Combine(package.Folder, file), cancellationToken).ConfigureAwait(false);
            await WriteAsync(PathOf(manifest.Name, manifest.Version, file), content, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Makes a version that is in the store the one that serves.</summary>
    public async Task PointToAsync(string name, string version, CancellationToken cancellationToken)
    {
        byte[] pointer = JsonSerializer.SerializeToUtf8Bytes(new CurrentVersion(ModelPackage.CheckedName(version, Location)), LentigoJson.Default.CurrentVersion);
        await WriteAsync(PathOf(name, CurrentVersion.FileName), pointer, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The names of the models in the store, sorted.</summary>
    public async Task<IReadOnlyList<string>> ListModelsAsync(CancellationToken cancellationToken) =>
        [.. (await ListFoldersAsync("", cancellationToken).ConfigureAwait(false)).Where(ModelPackage.IsPlainName).Order(StringComparer.Ordinal)];

    /// <summary>The versions of a model, newest first.</summary>
    public async Task<IReadOnlyList<string>> ListVersionsAsync(string name, CancellationToken cancellationToken) =>
        [.. (await ListFoldersAsync(PathOf(name) + "/", cancellationToken).ConfigureAwait(false)).Where(ModelPackage.IsPlainName).OrderDescending(StringComparer.Ordinal)];

    /// <summary>A version's manifest, or null where it has none.</summary>
    /// <exception cref="ModelPackageException">It is malformed, or describes another product's model.</exception>
    public async Task<ModelManifest?> ReadManifestAsync(string name, string version, CancellationToken cancellationToken)
    {
        string path = PathOf(name, version, ModelManifest.FileName);
        return await ReadAsync(path, cancellationToken).ConfigureAwait(false) is { } json ? ModelPackage.ParseManifest(json, $"{Location}/{path}") : null;
    }

    /// <summary>
    /// A version's <see cref="ModelPackage.Fingerprint"/>, which changes when the version is published again with other content; null where it has no manifest.
    /// </summary>
    public async Task<string?> ReadFingerprintAsync(string name, string version, CancellationToken cancellationToken) =>
        await ReadAsync(PathOf(name, version, ModelManifest.FileName), cancellationToken).ConfigureAwait(false) is { } manifest ? ModelPackage.FingerprintOf(manifest) : null;

    /// <summary>One file of a version, or null where there is none.</summary>
    public Task<byte[]?> ReadFileAsync(string name, string version, string file, CancellationToken cancellationToken) =>
        ReadAsync(PathOf(name, version, file), cancellationToken);

    /// <summary>A path in the store. Every path is made here: no name can lead out of its folder.</summary>
    /// <param name="names">A model's name, a version and a file; or fewer of them.</param>
    /// <exception cref="ModelPackageException">One is no plain name.</exception>
    protected string PathOf(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            ModelPackage.CheckedName(name, Location);
        }

        return string.Join('/', names);
    }

    /// <summary>A file's content, or null where there is none.</summary>
    protected abstract Task<byte[]?> ReadAsync(string path, CancellationToken cancellationToken);

    /// <summary>The names of the folders directly in a folder.</summary>
    /// <param name="prefix">The folder with a slash at the end; empty for the whole store.</param>
    /// <param name="cancellationToken">Gives up.</param>
    protected abstract Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Writes one file whole: a reader sees the old content or the new, nothing between.</summary>
    protected abstract Task WriteAsync(string path, byte[] content, CancellationToken cancellationToken);
}

/// <summary>Packages in a folder of this machine.</summary>
/// <param name="root">The folder that holds a folder a model name.</param>
public sealed class FolderModelStore(string root) : ModelStore
{
    /// <inheritdoc/>
    public override string Location => root;

    /// <inheritdoc/>
    public override async Task<string?> ReadCurrentVersionAsync(string name, CancellationToken cancellationToken)
    {
        string pointer = Path.Combine(root, PathOf(name, CurrentVersion.FileName));
        return File.Exists(pointer)
            ? ModelPackage.ParseCurrent(await File.ReadAllBytesAsync(pointer, cancellationToken).ConfigureAwait(false), pointer).Version
            : null;
    }

    /// <inheritdoc/>
    public override Task<ModelPackage> FetchAsync(string name, string version, CancellationToken cancellationToken) =>
        Task.FromResult(ModelPackage.Open(Path.Combine(root, PathOf(name, version))));

    /// <inheritdoc/>
    protected override async Task<byte[]?> ReadAsync(string path, CancellationToken cancellationToken)
    {
        string file = Path.Combine(root, path);
        return File.Exists(file) ? await File.ReadAllBytesAsync(file, cancellationToken).ConfigureAwait(false) : null;
    }

    /// <inheritdoc/>
    protected override Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(root, prefix);
        IReadOnlyList<string> folders = Directory.Exists(folder)
            ? [.. Directory.EnumerateDirectories(folder).Select(f => Path.GetFileName(f))]
            : [];
        return Task.FromResult(folders);
    }

    /// <inheritdoc/>
    protected override async Task WriteAsync(string path, byte[] content, CancellationToken cancellationToken)
    {
        string target = Path.Combine(root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        string partial = target + ".partial";
        await File.WriteAllBytesAsync(partial, content, cancellationToken).ConfigureAwait(false);
        File.Move(partial, target, overwrite: true);
    }
}
