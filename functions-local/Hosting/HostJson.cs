using System.Globalization;
using Azure.Storage.Queues;
using Microsoft.Extensions.Configuration;

namespace Lentigo.Functions.Local.Hosting;

/// <summary>The settings of host.json that this runtime honours, with the Functions host's defaults (host.json reference, Azure Functions 2.x and later).</summary>
internal sealed record HostJson
{
    /// <summary><c>functionTimeout</c>; null is no limit.</summary>
    public TimeSpan? FunctionTimeout { get; init; }

    /// <summary><c>extensions.http.routePrefix</c>.</summary>
    public required string RoutePrefix { get; init; }

    /// <summary><c>extensions.http.maxConcurrentRequests</c>; -1 is no limit.</summary>
    public int MaxConcurrentRequests { get; init; }

    /// <summary><c>extensions.http.maxOutstandingRequests</c>, running and waiting; -1 is no limit.</summary>
    public int MaxOutstandingRequests { get; init; }

    /// <summary><c>extensions.blobs.maxDegreeOfParallelism</c>.</summary>
    public int BlobParallelism { get; init; }

    /// <summary><c>extensions.blobs.poisonBlobThreshold</c>.</summary>
    public int BlobTries { get; init; }

    /// <summary><c>extensions.queues.batchSize</c> plus <c>newBatchThreshold</c>.</summary>
    public int QueueParallelism { get; init; }

    /// <summary><c>extensions.queues.maxDequeueCount</c>.</summary>
    public int QueueTries { get; init; }

    /// <summary><c>extensions.queues.maxPollingInterval</c>.</summary>
    public TimeSpan QueuePollingInterval { get; init; }

    /// <summary><c>extensions.queues.visibilityTimeout</c>: the pause before a failed message is tried again.</summary>
    public TimeSpan QueueRetryDelay { get; init; }

    /// <summary><c>extensions.queues.messageEncoding</c>.</summary>
    public QueueMessageEncoding QueueEncoding { get; init; }

    /// <summary>Names this app's receipts and queue in the storage account: the setting <c>AzureFunctionsWebHost__hostId</c>.</summary>
    public required string HostId { get; init; }

    /// <summary>Reads the options.</summary>
    /// <exception cref="InvalidDataException">A value is not of its kind.</exception>
    public static HostJson Read(IConfiguration configuration, string appName)
    {
        IConfigurationSection host = configuration.GetSection(LocalConfiguration.HostSection);
        IConfigurationSection http = host.GetSection("extensions:http"), blobs = host.GetSection("extensions:blobs"), queues = host.GetSection("extensions:queues");
        try
        {
            string? timeout = host["functionTimeout"];
            int batch = queues.GetValue("batchSize", 16);
            return new()
            {
                FunctionTimeout = timeout switch
                {
                    null => TimeSpan.FromMinutes(30),
                    "-1" => null,
                    _ => TimeSpan.Parse(timeout, CultureInfo.InvariantCulture),
                },
                RoutePrefix = http["routePrefix"] ?? "api",
                MaxConcurrentRequests = http.GetValue("maxConcurrentRequests", -1),
                MaxOutstandingRequests = http.GetValue("maxOutstandingRequests", -1),
                BlobParallelism = Math.Max(1, blobs.GetValue("maxDegreeOfParallelism", 8 * Environment.ProcessorCount)),
                BlobTries = Math.Max(1, blobs.GetValue("poisonBlobThreshold", 5)),
                QueueParallelism = Math.Max(1, batch + queues.GetValue("newBatchThreshold", batch / 2)),
                QueueTries = Math.Max(1, queues.GetValue("maxDequeueCount", 5)),
                QueuePollingInterval = queues.GetValue("maxPollingInterval", TimeSpan.FromMinutes(1)),
                QueueRetryDelay = queues.GetValue("visibilityTimeout", TimeSpan.Zero),
                QueueEncoding = queues.GetValue("messageEncoding", QueueMessageEncoding.Base64),
                HostId = configuration["AzureFunctionsWebHost:hostId"] ?? DefaultHostId(appName),
            };
        }
        catch (Exception e) when (e is FormatException or OverflowException or InvalidOperationException)
        {
            throw new InvalidDataException($"host.json, or a setting that overrides it, holds a wrong value: {e.Message}", e);
        }
    }

    /// <summary>Host ids are of lower-case letters, digits and single dashes, at most 32 long, since they become part of a queue's name.</summary>
    private static string DefaultHostId(string appName)
    {
        string id = string.Concat(appName.ToLowerInvariant().Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-'));
        return id[..Math.Min(id.Length, 32)].Trim('-');
    }
}
