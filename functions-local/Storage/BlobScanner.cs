using System.Diagnostics;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Queues;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Storage;

/// <summary>Looks for blobs that a function has not been given yet and queues a message for each, as the Functions host does.</summary>
internal sealed class BlobScanner(
    string functionId, BlobPathPattern pattern, BlobContainerClient container, BlobReceipts receipts, QueueClient queue, Action queued, ILogger log)
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(500);

    /// <summary>Scans until cancelled.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        HashSet<(string Blob, string ETag)>? known = null;
        StorageOutage outage = new(log, $"the container {pattern.Container}");
        while (!stop.IsCancellationRequested)
        {
            try
            {
                known ??= await receipts.LoadAsync(stop);
                long start = Stopwatch.GetTimestamp();
                await ScanAsync(known, stop);
                outage.Over();
                // A long listing must not fill the account's time: rest at least as long as it took.
                TimeSpan took = Stopwatch.GetElapsedTime(start);
                await Task.Delay(took > ShortestPause ? took : ShortestPause, stop);
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is RequestFailedException or AggregateException or OperationCanceledException)
            {
                await outage.WaitAsync(e, stop);
            }
        }
    }

    private async Task ScanAsync(HashSet<(string Blob, string ETag)> known, CancellationToken stop)
    {
        try
        {
            await foreach (BlobItem blob in container.GetBlobsAsync(new GetBlobsOptions { Prefix = pattern.Prefix }, stop))
            {
                string etag = blob.Properties.ETag?.ToString("H") ?? "";
                if (pattern.Match(blob.Name) is null || known.Contains((blob.Name, etag)))
                {
                    continue;
                }

                // The message first: dying in between gives the blob twice, the other order never.
                BlobTriggerMessage message = new("BlobTrigger", functionId, "BlockBlob", pattern.Container, blob.Name, etag);
                await queue.SendMessageAsync(JsonSerializer.Serialize(message, BlobTriggerJson.Default.BlobTriggerMessage), stop);
                known.Add((blob.Name, etag));
                queued();
                if (!await receipts.AddAsync(blob.Name, etag, stop))
                {
                    log.LogWarning("A blob of the container {Container} has a name too long for a receipt, so {Function} gets it again after a restart.", pattern.Container, functionId);
                }
            }
        }
        catch (RequestFailedException e) when (e.Status == 404 && e.ErrorCode == BlobErrorCode.ContainerNotFound.ToString())
        {
            // not made yet
        }
    }
}
