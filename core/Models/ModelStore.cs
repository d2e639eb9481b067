using System.Text.Json;

namespace Lentigo.Core.Models;

/// <summary>A store of model packages: <c>{name}/{version}/...</c>, with the pointer <c>{name}/current.json</c>.</summary>
public abstract class ModelStore
{
    /// <summary>The location of the store, for messages. Contains no secrets.</summary>
    public abstract string Location { get; }

    /// <summary>Reads the version that the pointer names; returns null if there is no pointer.</summary>
    /// <exception cref="ModelPackageException">The pointer is malformed.</exception>
    public abstract Task<string?> ReadCurrentVersionAsync(string name, CancellationToken cancellationToken);

    /// <summary>Makes a version available on this machine and verifies it.</summary>
    /// <exception cref="ModelPackageException">The package is missing, incomplete or corrupt.</exception>
    public abstract Task<ModelPackage> FetchAsync(string name, string version, CancellationToken cancellationToken);

    /// <summary>Publishes a package: first its files, then its manifest, finally the pointer, so that readers never see an incomplete package.</summary>
    public async Task PublishAsync(ModelPackage package, CancellationToken cancellationToken)
    {
        await AddAsync(package, cancellationToken).ConfigureAwait(false);
        await PointToAsync(package.Manifest.Name, package.Manifest.Version, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes a package's files, then its manifest. Does not change the pointer, so the current version stays in service.</summary>
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

    /// <summary>Points to a version in the store, which puts it into service.</summary>
    public async Task PointToAsync(string name, string version, CancellationToken cancellationToken)
    {
        byte[] pointer = JsonSerializer.SerializeToUtf8Bytes(new CurrentVersion(ModelPackage.CheckedName(version, Location)), LentigoJson.Default.CurrentVersion);
        await WriteAsync(PathOf(name, CurrentVersion.FileName), pointer, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Lists the names of the models in the store, sorted.</summary>
    public async Task<IReadOnlyList<string>> ListModelsAsync(CancellationToken cancellationToken) =>
        [.. (await ListFoldersAsync("", cancellationToken).ConfigureAwait(false)).Where(ModelPackage.IsPlainName).Order(StringComparer.Ordinal)];

    /// <summary>Lists the versions of a model, newest first.</summary>
    public async Task<IReadOnlyList<string>> ListVersionsAsync(string name, CancellationToken cancellationToken) =>
        [.. (await ListFoldersAsync(PathOf(name) + "/", cancellationToken).ConfigureAwait(false)).Where(ModelPackage.IsPlainName).OrderDescending(StringComparer.Ordinal)];

    /// <summary>Reads a version's manifest; returns null if it has none.</summary>
    /// <exception cref="ModelPackageException">The manifest is malformed, or describes another product's model.</exception>
    public async Task<ModelManifest?> ReadManifestAsync(string name, string version, CancellationToken cancellationToken)
    {
        string path = PathOf(name, version, ModelManifest.FileName);
        return await ReadAsync(path, cancellationToken).ConfigureAwait(false) is { } json ? ModelPackage.ParseManifest(json, $"{Location}/{path}") : null;
    }

    /// <summary>
    /// Reads a version's <see cref="ModelPackage.Fingerprint"/>, which changes if the version is published again with different content; returns null if it has
    /// no manifest.
    /// </summary>
    public async Task<string?> ReadFingerprintAsync(string name, string version, CancellationToken cancellationToken) =>
        await ReadAsync(PathOf(name, version, ModelManifest.FileName), cancellationToken).ConfigureAwait(false) is { } manifest ? ModelPackage.FingerprintOf(manifest) : null;

    /// <summary>Reads one file of a version; returns null if it does not exist.</summary>
    public Task<byte[]?> ReadFileAsync(string name, string version, string file, CancellationToken cancellationToken) =>
        ReadAsync(PathOf(name, version, file), cancellationToken);

    /// <summary>Builds a path in the store. Every path is built here, so no name can escape its folder.</summary>
    /// <param name="names">A model's name, optionally followed by a version and a file name.</param>
    /// <exception cref="ModelPackageException">A name is not a plain file name.</exception>
    protected string PathOf(params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            ModelPackage.CheckedName(name, Location);
        }

        return string.Join('/', names);
    }

    /// <summary>Reads a file; returns null if it does not exist.</summary>
    protected abstract Task<byte[]?> ReadAsync(string path, CancellationToken cancellationToken);

    /// <summary>Lists the names of the immediate subfolders of a folder.</summary>
    /// <param name="prefix">The folder with a slash at the end; empty for the whole store.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    protected abstract Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken);

    /// <summary>Writes a file atomically: readers see either the old or the new content.</summary>
    protected abstract Task WriteAsync(string path, byte[] content, CancellationToken cancellationToken);
}

/// <summary>A model store in a local folder.</summary>
/// <param name="root">The folder that contains one folder per model.</param>
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
