using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>What the container <c>models</c> holds of the model that serves: its versions and their reports.</summary>
public sealed class PublishedModels(ModelStore store, CurrentModel current, ServingOptions options)
{
    /// <summary>The most versions that are told of: the newest.</summary>
    private const int MaxVersions = 20;

    /// <summary>The versions, newest first; those without a readable manifest are left out, as none of them can serve.</summary>
    internal async Task<IReadOnlyList<ModelVersion>> ListAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<string> versions = await store.ListVersionsAsync(options.Model, cancellationToken);
        ModelVersion?[] read = await Task.WhenAll(versions.Take(MaxVersions).Select(v => VersionAsync(v, cancellationToken)));
        return [.. read.OfType<ModelVersion>()];
    }

    /// <summary>A file of the package that serves, or null where it has none of that name.</summary>
    /// <exception cref="ProblemException">No model is loaded yet.</exception>
    public async Task<BinaryData?> ReadAsync(string file, CancellationToken cancellationToken)
    {
        using ModelLease lease = current.Acquire();
        ModelManifest manifest = lease.Model.Manifest;
        return manifest.Files.ContainsKey(file) && await store.ReadFileAsync(manifest.Name, manifest.Version, file, cancellationToken) is { } content ? BinaryData.FromBytes(content) : null;
    }

    private async Task<ModelVersion?> VersionAsync(string version, CancellationToken cancellationToken)
    {
        if (await store.ReadFileAsync(options.Model, version, ModelManifest.FileName, cancellationToken) is not { } content)
        {
            return null;
        }

        try
        {
            ModelManifest manifest = JsonSerializer.Deserialize(content, LentigoJson.Default.ModelManifest)!;
            return new(
                manifest.Version, manifest.Created, manifest.Version == current.Manifest?.Version,
                manifest.EnsembleMetric("accuracy"), manifest.EnsembleMetric("balancedAccuracy"), manifest.EnsembleMetric("macroAuc"));
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
