using Azure;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>Compares the containers <c>lesions</c> and <c>results</c> and classifies every image whose current version has no result.</summary>
public sealed class LesionReconciliation(LesionBlobs lesions, CurrentModel current, BlobServiceClient storage, ServingMetrics metrics, LogNames names, ServingOptions options, TimeProvider time, ILogger<LesionReconciliation> log)
{
    private const int MaxTries = 5;
    private static readonly TimeSpan ClockError = TimeSpan.FromMinutes(5);
    private readonly Dictionary<UInt128, int> failures = [];

    /// <summary>
    /// Whether an image without a result has waited long enough. If storage dates an image to the future by more than the usual clock difference, this
    /// machine's clock was set back: the image's age is unknown, so the image is processed without waiting for the clock to catch up.
    /// </summary>
    internal static bool IsDue(TimeSpan age, TimeSpan after) => age > after || age < -ClockError;

    /// <summary>Runs one comparison. An image that fails in five comparisons gets a failed result.</summary>
    /// <param name="id">Identifies the comparison and is the prefix of the ids of its results.</param>
    /// <param name="cancellationToken">Cancels the comparison.</param>
    public async Task RunAsync(string id, CancellationToken cancellationToken)
    {
        if (!current.Loaded.IsCompleted)
        {
            return;
        }

        LesionInventory inventory = await LesionInventory.ReadAsync(storage, int.MaxValue, cancellationToken);
        foreach (string container in inventory.MissingContainers)
        {
            await CreateAsync(container, id, cancellationToken);
        }

        DateTimeOffset now = time.GetUtcNow();
        WaitingLesion[] unanswered = [.. inventory.Waiting.Where(l => IsDue(now - l.LastModified, options.ReconcileAfter))];
        lock (failures)
        {
            foreach (UInt128 answered in failures.Keys.Except(unanswered.Select(u => u.Version)).ToArray())
            {
                failures.Remove(answered);
            }
        }

        if (unanswered.Length == 0)
        {
            return;
        }

        log.LogWarning("{Id}: Classifying {Count} images older than {Age} that have no current result.", id, unanswered.Length, options.ReconcileAfter);
        metrics.Reconciled(unanswered.Length);
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(unanswered.Index(), parallel, (lesion, stop) => AnswerAsync(lesion.Item.Name, lesion.Item.Version, $"{id}-{lesion.Index}", stop));
    }

    /// <summary>Recreates a deleted container, so that new uploads and their results can be stored.</summary>
    private async Task CreateAsync(string container, string id, CancellationToken cancellationToken)
    {
        try
        {
            await storage.GetBlobContainerClient(container).CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            log.LogWarning("{Id}: The container '{Container}' was missing and has been recreated empty.", id, container);
        }
        catch (RequestFailedException e)
        {
            // A container that was just deleted cannot be recreated for half a minute; a later comparison will do it.
            log.LogError("{Id}: The container '{Container}' is missing and cannot be created: {Reason} Create it, or upload again later.", id, container, e.Message.Split('\n')[0].Trim());
        }
    }

    private async ValueTask AnswerAsync(string name, UInt128 version, string id, CancellationToken cancellationToken)
    {
        try
        {
            await lesions.ClassifyAsync(name, id, cancellationToken);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            int tries; // ClassifyAsync has logged the failure
            lock (failures)
            {
                tries = failures[version] = failures.GetValueOrDefault(version) + 1;
            }

            if (tries >= MaxTries)
            {
                await ReportAsync(name, id, tries, cancellationToken);
            }
        }
    }

    /// <summary>Writes a failed result for an image; if that fails too, the other images proceed and the next comparison tries again.</summary>
    private async Task ReportAsync(string name, string id, int tries, CancellationToken cancellationToken)
    {
        try
        {
            await lesions.ReportFailureAsync(name, etag: null, id, tries, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.LogError(e, "{Id}: The failed result of the image '{Name}' could not be written.", id, names.Of(name));
        }
    }
}
