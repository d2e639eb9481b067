using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Queues;
using Lentigo.Functions.Local.Hosting;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Storage;

/// <summary>Starts functions for new blobs and queue messages.</summary>
internal sealed class StorageTriggers : BackgroundService
{
    private const string PoisonBlobQueue = "webjobs-blobtrigger-poison";
    private readonly Dictionary<string, BlobFunction> blobFunctions = [];
    private readonly List<BlobScanner> scanners = [];
    private readonly List<QueueListener> listeners = [];
    private readonly FunctionInvoker invoker;

    /// <summary>Prepares the triggers; nothing is asked of storage yet.</summary>
    /// <exception cref="InvalidOperationException">A trigger's path or connection is not one.</exception>
    public StorageTriggers(FunctionMethod[] functions, FunctionInvoker invoker, StorageClients storage, HostJson host, ILogger<StorageTriggers> log)
    {
        this.invoker = invoker;
        foreach (FunctionMethod function in functions)
        {
            try
            {
                switch (function.Trigger)
                {
                    case BlobTriggerAttribute blob: AddBlobFunction(function, blob); break;
                    case QueueTriggerAttribute queue: AddQueueFunction(function, queue); break;
                }
            }
            catch (FormatException e)
            {
                throw new InvalidOperationException($"The trigger of the function '{function.Name}' cannot be set up: {e.Message}", e);
            }
        }

        if (blobFunctions.Count == 0)
        {
            return;
        }

        QueueServiceClient hostQueues = storage.Queues(StorageClients.HostConnection);
        QueueClient blobQueue = hostQueues.GetQueueClient($"azure-webjobs-blobtrigger-{host.HostId}");
        QueueListener blobListener = new(
            blobQueue,
            hostQueues.GetQueueClient(PoisonBlobQueue),
            // Blobs found by a scan wake the listener, so a look now and then is for messages of a run before.
            new(host.BlobParallelism, host.BlobTries, TimeSpan.Zero, LongestPause: TimeSpan.FromSeconds(2), Wake),
            HandleBlobAsync,
            log);
        listeners.Add(blobListener);
        BlobServiceClient hostBlobs = storage.Blobs(StorageClients.HostConnection);
        foreach ((string id, BlobFunction function) in blobFunctions)
        {
            scanners.Add(new(id, function.Pattern, function.Container, new(hostBlobs, host.HostId, id, function.Pattern.Container), blobQueue, blobListener.Wake, log));
        }

        void AddBlobFunction(FunctionMethod function, BlobTriggerAttribute trigger)
        {
            BlobPathPattern pattern = BlobPathPattern.Parse(trigger.BlobPath);
            if (function.NamedParameters.FirstOrDefault(p => !pattern.Parameters.Contains(p.Name, StringComparer.OrdinalIgnoreCase)) is { } unbound)
            {
                throw new FormatException($"its path '{trigger.BlobPath}' does not name the parameter '{unbound.Name}'.");
            }

            blobFunctions.Add(function.Id, new(function, pattern, storage.Blobs(trigger.Connection).GetBlobContainerClient(pattern.Container)));
        }

        void AddQueueFunction(FunctionMethod function, QueueTriggerAttribute trigger)
        {
            QueueServiceClient queues = storage.Queues(trigger.Connection);
            listeners.Add(new(
                queues.GetQueueClient(trigger.QueueName),
                queues.GetQueueClient($"{trigger.QueueName}-poison"),
                new(host.QueueParallelism, host.QueueTries, host.QueueRetryDelay, host.QueuePollingInterval, Wake),
                (message, stop) => invoker.InvokeAsync(function, message, new Dictionary<string, object?>(), http: null, stop),
                log));
        }
    }

    /// <inheritdoc/>
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll([.. scanners.Select(s => s.RunAsync(stoppingToken)), .. listeners.Select(l => l.RunAsync(stoppingToken))]);

    private void Wake(string queueName)
    {
        foreach (QueueListener listener in listeners.Where(l => l.QueueName == queueName))
        {
            listener.Wake();
        }
    }

    private async Task HandleBlobAsync(string text, CancellationToken stop)
    {
        BlobTriggerMessage message = JsonSerializer.Deserialize(text, BlobTriggerJson.Default.BlobTriggerMessage)
            ?? throw new InvalidDataException("The queue of new blobs holds an empty message.");
        if (!blobFunctions.TryGetValue(message.FunctionId, out BlobFunction? function) || function.Pattern.Match(message.BlobName) is not { } data)
        {
            throw new InvalidDataException($"The queue of new blobs holds a message for {message.FunctionId}, which this app does not have or has disabled.");
        }

        BlobClient blob = function.Container.GetBlobClient(message.BlobName);
        try
        {
            BlobProperties properties = await blob.GetPropertiesAsync(cancellationToken: stop);
            if (properties.ETag.ToString("H") != message.ETag)
            {
                return; // overwritten meanwhile: the scan finds the new version, which has a message of its own
            }
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return; // deleted meanwhile
        }

        await invoker.InvokeAsync(function.Method, blob, data, http: null, stop);
    }

    private sealed record BlobFunction(FunctionMethod Method, BlobPathPattern Pattern, BlobContainerClient Container);
}
