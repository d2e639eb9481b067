using Azure;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>Compares the containers <c>lesions</c> and <c>results</c> and classifies every image that has no result of its present version.</summary>
public sealed class LesionReconciliation(LesionBlobs lesions, CurrentModel current, BlobServiceClient storage, ServingMetrics metrics, LogNames names, ServingOptions options, TimeProvider time, ILogger<LesionReconciliation> log)
{
    private const int MaxTries = 5;
    private static readonly TimeSpan ClockError = TimeSpan.FromMinutes(5);
    private readonly Dictionary<UInt128, int> failures = [];

    /// <summary>
    /// Whether an image without a result has waited long enough. One that storage dates to the future, by more than clocks usually differ, tells that this machine's clock was set
    /// back: nothing is known of its age then, and it does not wait until the clock has caught up.
    /// </summary>
    internal static bool IsDue(TimeSpan age, TimeSpan after) => age > after || age < -ClockError;

    /// <summary>Does one comparison. An image that fails in five of them gets a failed result.</summary>
    /// <param name="id">Identifies the comparison, and begins the ids of its answers.</param>
    /// <param name="cancellationToken">Gives up.</param>
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

        log.LogWarning("{Id}: {Count} images older than {Age} have no current result and are classified now.", id, unanswered.Length, options.ReconcileAfter);
        metrics.Reconciled(unanswered.Length);
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(unanswered.Index(), parallel, (lesion, stop) => AnswerAsync(lesion.Item.Name, lesion.Item.Version, $"{id}-{lesion.Index}", stop));
    }

    /// <summary>Creates a container that was deleted: what is uploaded next must have a place, and so must its result.</summary>
    private async Task CreateAsync(string container, string id, CancellationToken cancellationToken)
    {
        try
        {
            await storage.GetBlobContainerClient(container).CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            log.LogWarning("{Id}: the container '{Container}' was missing and has been created anew, empty.", id, container);
        }
        catch (RequestFailedException e)
        {
            // A container that was just deleted cannot be created for half a minute; a later comparison does it.
            log.LogError("{Id}: the container '{Container}' is missing and cannot be created: {Reason} Create it, or upload again later.", id, container, e.Message.Split('\n')[0].Trim());
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
            int tries; // what happened is in the log
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

    /// <summary>Reports an image; where that fails too, the others go on and the next comparison tries again.</summary>
    private async Task ReportAsync(string name, string id, int tries, CancellationToken cancellationToken)
    {
        try
        {
            await lesions.ReportFailureAsync(name, etag: null, id, tries, cancellationToken);
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.LogError(e, "{Id}: the failure of the image '{Name}' could not be reported.", id, names.Of(name));
        }
    }
}
