using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The contents of the container <c>models</c> for the available models and the candidate: their versions, and the reports of the serving version.
/// </summary>
public sealed class PublishedModels(ModelStore store, CurrentModel current, CandidateModel candidate, NamedModels named, ServingOptions options)
{
    /// <summary>The maximum number of versions listed per model; the newest are kept.</summary>
    private const int MaxVersions = 20;

    /// <summary>
    /// The versions, newest first, those of the default model before the others; versions without a readable manifest are omitted because they cannot serve.
    /// </summary>
    internal async Task<IReadOnlyList<ModelVersion>> ListAsync(CancellationToken cancellationToken)
    {
        List<ModelVersion> all = [];
        CandidateStatus? tried = candidate.Status;
        foreach (string name in options.ModelNames)
        {
            string? serving = named.VersionOf(name) ?? (name == options.Model ? null : await store.ReadCurrentVersionAsync(name, cancellationToken));
            IReadOnlyList<string> versions = await store.ListVersionsAsync(name, cancellationToken);
            IEnumerable<string> shown = versions.Take(MaxVersions).Union(tried?.Name == name ? [tried.Version] : []);
            ModelVersion?[] read = await Task.WhenAll(shown.Select(v => VersionAsync(name, v, v == serving, tried, cancellationToken)));
            all.AddRange(read.OfType<ModelVersion>());
        }

        if (tried is not null && !options.ModelNames.Contains(tried.Name)
            && await VersionAsync(tried.Name, tried.Version, serving: false, tried, cancellationToken) is { } other)
        {
            all.Add(other);
        }

        return all;
    }

    /// <summary>A file of the serving package, or null if the package has no file of that name.</summary>
    /// <exception cref="ProblemException">No model is loaded yet.</exception>
    public async Task<BinaryData?> ReadAsync(string file, CancellationToken cancellationToken)
    {
        using ModelLease lease = current.Acquire();
        ModelManifest manifest = lease.Model.Manifest;
        return manifest.Files.ContainsKey(file) && await store.ReadFileAsync(manifest.Name, manifest.Version, file, cancellationToken) is { } content ? BinaryData.FromBytes(content) : null;
    }

    private async Task<ModelVersion?> VersionAsync(string name, string version, bool serving, CandidateStatus? tried, CancellationToken cancellationToken)
    {
        if (await store.ReadFileAsync(name, version, ModelManifest.FileName, cancellationToken) is not { } content)
        {
            return null;
        }

        try
        {
            ModelManifest manifest = JsonSerializer.Deserialize(content, LentigoJson.Default.ModelManifest)!;
            return new(
                name, manifest.Version, manifest.Created, serving, name == options.Model, tried?.Name == name && tried.Version == version ? tried.State : null,
                manifest.EnsembleMetric("accuracy"), manifest.EnsembleMetric("balancedAccuracy"), manifest.EnsembleMetric("macroAuc"));
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
