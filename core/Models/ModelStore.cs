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
        ArgumentNullException.ThrowIfNull(package);
        ModelManifest manifest = package.Manifest;
        string prefix = $"{manifest.Name}/{manifest.Version}/";
        foreach (string file in manifest.Files.Keys.Append(ModelManifest.FileName))
        {
            byte[] content = await File.ReadAllBytesAsync(Path.Combine(package.Folder, file), cancellationToken).ConfigureAwait(false);
            await WriteAsync(prefix + file, content, cancellationToken).ConfigureAwait(false);
        }

        byte[] pointer = JsonSerializer.SerializeToUtf8Bytes(new CurrentVersion(manifest.Version), LentigoJson.Default.CurrentVersion);
        await WriteAsync($"{manifest.Name}/{CurrentVersion.FileName}", pointer, cancellationToken).ConfigureAwait(false);
    }

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
        string pointer = Path.Combine(root, name, CurrentVersion.FileName);
        return File.Exists(pointer)
            ? ModelPackage.ParseCurrent(await File.ReadAllBytesAsync(pointer, cancellationToken).ConfigureAwait(false), pointer).Version
            : null;
    }

    /// <inheritdoc/>
    public override Task<ModelPackage> FetchAsync(string name, string version, CancellationToken cancellationToken) =>
        Task.FromResult(ModelPackage.Open(Path.Combine(root, name, ModelPackage.CheckedName(version, root))));

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
