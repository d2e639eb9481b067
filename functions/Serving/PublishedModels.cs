using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>What the container <c>models</c> holds of the model that serves: its versions and their reports.</summary>
public sealed class PublishedModels(BlobServiceClient storage, CurrentModel current, ServingOptions options)
{
    /// <summary>The most versions that are told of: the newest.</summary>
    private const int MaxVersions = 20;

    private BlobContainerClient Models => storage.GetBlobContainerClient(ServingServices.ModelsContainer);

    /// <summary>The versions, newest first; those without a readable manifest are left out, as none of them can serve.</summary>
    internal async Task<IReadOnlyList<ModelVersion>> ListAsync(CancellationToken cancellationToken)
    {
        List<string> folders = [];
        try
        {
            await foreach (BlobHierarchyItem item in Models.GetBlobsByHierarchyAsync(new GetBlobsByHierarchyOptions { Delimiter = "/", Prefix = $"{options.Model}/" }, cancellationToken))
            {
                if (item.IsPrefix)
                {
                    folders.Add(item.Prefix);
                }
            }
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
        {
            // The first publication makes the container.
        }

        folders.Sort(StringComparer.Ordinal);
        ModelVersion?[] versions = await Task.WhenAll(folders.AsEnumerable().Reverse().Take(MaxVersions).Select(f => VersionAsync(f, cancellationToken)));
        return [.. versions.OfType<ModelVersion>()];
    }

    /// <summary>A file of the package that serves, or null where it has none of that name.</summary>
    /// <exception cref="ProblemException">No model is loaded yet.</exception>
    public async Task<BinaryData?> ReadAsync(string file, CancellationToken cancellationToken)
    {
        using ModelLease lease = current.Acquire();
        ModelManifest manifest = lease.Model.Manifest;
        return manifest.Files.ContainsKey(file) ? await ReadBlobAsync($"{manifest.Name}/{manifest.Version}/{file}", cancellationToken) : null;
    }

    private async Task<ModelVersion?> VersionAsync(string folder, CancellationToken cancellationToken)
    {
        if (await ReadBlobAsync(folder + ModelManifest.FileName, cancellationToken) is not { } content)
        {
            return null;
        }

        try
        {
            ModelManifest manifest = JsonSerializer.Deserialize(content.ToMemory().Span, LentigoJson.Default.ModelManifest)!;
            JsonElement? metrics = manifest.Metrics is { ValueKind: JsonValueKind.Object } m && m.TryGetProperty("ensemble", out JsonElement ensemble) ? ensemble : null;
            return new(manifest.Version, manifest.Created, manifest.Version == current.Manifest?.Version, Figure("accuracy"), Figure("balancedAccuracy"), Figure("macroAuc"));

            double? Figure(string name) => metrics is { } e && e.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private async Task<BinaryData?> ReadBlobAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return (await Models.GetBlobClient(name).DownloadContentAsync(cancellationToken)).Value.Content;
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }
}
