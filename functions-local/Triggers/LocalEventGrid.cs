using System.Collections.Concurrent;
using System.Net.Http.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Storage;
using Lentigo.Functions.Local.Worker;
using Microsoft.Azure.WebJobs;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Triggers;

/// <summary>
/// A local substitute for Event Grid: notifies the blob extension of each upload within a second or two. Azurite sends no events, and the extension's own
/// polling runs only every ten seconds and processes the blobs of a burst one after another.
/// </summary>
/// <param name="webhook">The extension's Event Grid webhook.</param>
/// <param name="storage">The storage account.</param>
/// <param name="function">A function whose blob trigger matches all blobs of a container.</param>
/// <param name="hostId">The host id; part of the name of the blob that stores the state between starts.</param>
/// <param name="log">Receives errors.</param>
internal sealed class LocalEventGrid(
    IAsyncConverter<HttpRequestMessage, HttpResponseMessage> webhook, BlobServiceClient storage, AppFunction function, string hostId, ILogger log) : IAsyncDisposable
{
    private const string HostContainer = "azure-webjobs-hosts";
    private const int ParallelEvents = 8, MaxTries = 5;
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);
    private readonly CancellationTokenSource stopping = new();
    private readonly BlobClient kept = storage.GetBlobContainerClient(HostContainer).GetBlobClient($"uploads/{hostId}/{function.Name}.json");
    private Uploads? uploads;
    private Task watching = Task.CompletedTask;

    private string Container => ContainerOf(function)!;

    /// <summary>
    /// Returns the container if every blob in it triggers the function; null for other triggers and for narrower paths, which are left to the extension's
    /// polling.
    /// </summary>
    public static string? ContainerOf(AppFunction function) =>
        function.TriggerType == "blobTrigger" && function["path"]?.Split('/') is [{ Length: > 0 } container, ['{', .., '}'] name] && !container.Contains('{', StringComparison.Ordinal)
            && name.IndexOf('}', StringComparison.Ordinal) == name.Length - 1
                ? container
                : null;

    /// <summary>Starts watching the container.</summary>
    public void Start() => watching = WatchAsync(stopping.Token);

    /// <summary>Stops watching; sends no more events.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await watching;
        stopping.Dispose();
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        string? fault = null;
        while (!cancellationToken.IsCancellationRequested)
        {
            long began = TimeProvider.System.GetTimestamp();
            try
            {
                uploads ??= new(await ReadAsync(cancellationToken));
                await LookAsync(uploads, cancellationToken);
                fault = null;
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // Keep watching after any error, so that later uploads are still reported. A missing container just means that there are no uploads. Other
                // errors are logged once until they are resolved. Only the messages of storage and HTTP errors are known not to contain image names.
                string reason = e is RequestFailedException or AggregateException or HttpRequestException ? e.Message.Split('\n')[0].Trim() : $"{e.GetType().Name}.";
                if (reason != fault && e is not RequestFailedException { Status: 404 })
                {
                    log.LogWarning("The container '{Container}' cannot be checked for uploads: {Reason} Retrying.", Container, reason);
                }

                fault = reason;
            }

            TimeSpan took = TimeProvider.System.GetElapsedTime(began);
            await Task.Delay(took > Pause ? 4 * took : Pause, cancellationToken).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private async Task LookAsync(Uploads known, CancellationToken cancellationToken)
    {
        List<BlobItem> created = [];
        await foreach (BlobItem blob in storage.GetBlobContainerClient(Container).GetBlobsAsync(cancellationToken: cancellationToken))
        {
            if (known.IsNew(blob))
            {
                created.Add(blob);
            }
        }

        if (created.Count == 0)
        {
            return;
        }

        if (await ReadAsync(cancellationToken) is { } others)
        {
            known.Add(others);
        }

        // Events are sent before they are recorded: sending one twice is harmless, not sending it is not. If sending one event fails, those already sent are
        // still recorded; otherwise a single failure would resend all others every second.
        IReadOnlyList<BlobItem> unsent = known.NewOf(created);
        ConcurrentBag<BlobItem> sent = [];
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = ParallelEvents, CancellationToken = cancellationToken };
        try
        {
            await Parallel.ForEachAsync(unsent, parallel, async (blob, stop) =>
            {
                await SendAsync(blob, stop);
                sent.Add(blob);
            });
        }
        finally
        {
            known.Remember(sent, isAll: sent.Count == unsent.Count);
        }

        await KeepAsync(known, cancellationToken);
    }

    /// <summary>Sends an event in the Event Grid schema ("Azure Blob Storage as an Event Grid source").</summary>
    private async Task SendAsync(BlobItem blob, CancellationToken cancellationToken)
    {
        BlobClient client = storage.GetBlobContainerClient(Container).GetBlobClient(DotSegments.Keep(blob.Name));
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://localhost/runtime/webhooks/blobs?functionName={Uri.EscapeDataString(TriggerMethods.IdOf(function))}")
        {
            Headers = { { "aeg-event-type", "Notification" } },
            Content = JsonContent.Create(new[]
            {
                new
                {
                    id = Guid.NewGuid(),
                    eventType = "Microsoft.Storage.BlobCreated",
                    subject = $"/blobServices/default/containers/{Container}/blobs/{blob.Name}",
                    eventTime = blob.Properties.LastModified,
                    data = new { url = client.Uri.AbsoluteUri, eTag = blob.Properties.ETag?.ToString().Trim('"'), blobType = $"{blob.Properties.BlobType}Blob" },
                },
            }),
        };
        using HttpResponseMessage response = await webhook.ConvertAsync(request, cancellationToken);
        response.EnsureSuccessStatusCode();
    }

    private async Task<Uploads.State?> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            return Uploads.Parse((await kept.DownloadContentAsync(cancellationToken)).Value.Content);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    private async Task KeepAsync(Uploads known, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            BlobRequestConditions unchanged = new() { IfNoneMatch = ETag.All };
            try
            {
                BlobDownloadResult before = await kept.DownloadContentAsync(cancellationToken);
                unchanged = new() { IfMatch = before.Details.ETag };
                if (Uploads.Parse(before.Content) is { } others)
                {
                    known.Add(others);
                }
            }
            catch (RequestFailedException e) when (e.Status == 404)
            {
                await storage.GetBlobContainerClient(HostContainer).CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            }

            try
            {
                await kept.UploadAsync(known.ToJson(), new BlobUploadOptions { Conditions = unchanged }, cancellationToken);
                return;
            }
            catch (RequestFailedException e) when (e.Status is 409 or 412 && attempt < MaxTries)
            {
                // another launcher has changed the state in the meantime: merge and retry
            }
        }
    }
}
