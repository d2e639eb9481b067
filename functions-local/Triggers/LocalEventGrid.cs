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
/// What Event Grid is in Azure: tells the blob extension of each upload within a second or two. Azurite sends no events, and the extension's own scan
/// looks every ten seconds and takes the blobs of a burst one after another.
/// </summary>
/// <param name="webhook">The extension's webhook, as the host offers it to Event Grid.</param>
/// <param name="storage">The account.</param>
/// <param name="function">A function with a blob trigger for all blobs of a container.</param>
/// <param name="hostId">Names what is kept between starts.</param>
/// <param name="log">Is told of faults.</param>
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

    /// <summary>The container whose every blob triggers a function; null for another trigger or a narrower path, which is left to the extension's scan.</summary>
    public static string? ContainerOf(AppFunction function) =>
        function.TriggerType == "blobTrigger" && function["path"]?.Split('/') is [{ Length: > 0 } container, ['{', .., '}'] name] && !container.Contains('{', StringComparison.Ordinal)
            && name.IndexOf('}', StringComparison.Ordinal) == name.Length - 1
                ? container
                : null;

    /// <summary>Begins to watch.</summary>
    public void Start() => watching = WatchAsync(stopping.Token);

    /// <summary>Tells of nothing more.</summary>
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
                // Whatever it is, later uploads are to be told of. A container that is missing has no uploads. Anything else is told once, until it is over.
                // Only the messages of storage and HTTP are known to hold no name of an image.
                string reason = e is RequestFailedException or AggregateException or HttpRequestException ? e.Message.Split('\n')[0].Trim() : $"{e.GetType().Name}.";
                if (reason != fault && e is not RequestFailedException { Status: 404 })
                {
                    log.LogWarning("The container '{Container}' cannot be looked through for uploads: {Reason} This is tried again.", Container, reason);
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

        // An event is sent before it is remembered: one that is sent twice does no harm, one that is never sent would. Where sending fails, what was sent is
        // remembered all the same, or one failure would send all the others again each second.
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

    /// <summary>Sends an event of the Event Grid schema ("Azure Blob Storage as an Event Grid source").</summary>
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
                // another launcher kept its own meanwhile
            }
        }
    }
}
