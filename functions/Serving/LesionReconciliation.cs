using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>Compares the containers <c>lesions</c> and <c>results</c> and classifies every image that has no result of its present version.</summary>
public sealed class LesionReconciliation(LesionBlobs lesions, CurrentModel current, BlobServiceClient storage, ServingOptions options, TimeProvider time, ILogger<LesionReconciliation> log)
{
    private const int MaxTries = 5;
    private readonly Dictionary<UInt128, int> failures = [];

    /// <summary>Does one comparison. An image that fails in five of them gets a failed result.</summary>
    /// <param name="id">Identifies the comparison, and begins the ids of its answers.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task RunAsync(string id, CancellationToken cancellationToken)
    {
        if (!current.Loaded.IsCompleted)
        {
            return;
        }

        List<(string Name, UInt128 Version)> unanswered = await UnansweredAsync(cancellationToken);
        lock (failures)
        {
            foreach (UInt128 answered in failures.Keys.Except(unanswered.Select(u => u.Version)).ToArray())
            {
                failures.Remove(answered);
            }
        }

        if (unanswered.Count == 0)
        {
            return;
        }

        log.LogWarning("{Id}: {Count} images older than {Age} have no current result and are classified now.", id, unanswered.Count, options.ReconcileAfter);
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(unanswered.Index(), parallel, (lesion, stop) => AnswerAsync(lesion.Item.Name, lesion.Item.Version, $"{id}-{lesion.Index}", stop));
    }

    private async ValueTask AnswerAsync(string name, UInt128 version, string id, CancellationToken cancellationToken)
    {
        try
        {
            await lesions.ClassifyAsync(name, id, cancellationToken);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            int tries; // what happened is in the log
            lock (failures)
            {
                tries = failures[version] = failures.GetValueOrDefault(version) + 1;
            }

            if (tries >= MaxTries)
            {
                await lesions.ReportFailureAsync(name, etag: null, id, MaxTries, cancellationToken);
            }
        }
    }

    private async Task<List<(string Name, UInt128 Version)>> UnansweredAsync(CancellationToken cancellationToken)
    {
        HashSet<UInt128> answered = [];
        List<(string Name, UInt128 Version)> unanswered = [];
        DateTimeOffset newest = time.GetUtcNow() - options.ReconcileAfter;
        try
        {
            // Lesions first: a result that appears meanwhile is then seen.
            await foreach (BlobItem lesion in storage.GetBlobContainerClient(LesionBlobs.LesionsContainer).GetBlobsAsync(cancellationToken: cancellationToken))
            {
                if (lesion.Properties.LastModified < newest)
                {
                    unanswered.Add((lesion.Name, VersionOf(lesion.Name, lesion.Properties.ETag?.ToString())));
                }
            }

            await foreach (BlobItem result in storage.GetBlobContainerClient(LesionBlobs.ResultsContainer).GetBlobsAsync(new GetBlobsOptions { Traits = BlobTraits.Metadata }, cancellationToken))
            {
                if (result.Name.EndsWith(LesionBlobs.ResultSuffix, StringComparison.Ordinal) && result.Metadata.TryGetValue(LesionBlobs.SourceETagMetadata, out string? etag))
                {
                    answered.Add(VersionOf(result.Name[..^LesionBlobs.ResultSuffix.Length], etag));
                }
            }
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
        {
            // Without lesions there is nothing to do; the first result makes its container.
        }

        unanswered.RemoveAll(lesion => answered.Contains(lesion.Version));
        return unanswered;
    }

    /// <summary>Sixteen bytes for a name and an ETag, so that a million blobs take tens of megabytes and not hundreds.</summary>
    private static UInt128 VersionOf(string name, string? etag) =>
        BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{name}\n{etag?.Trim('"')}")));
}
