using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Lentigo.Core.Storage;
using Lentigo.Functions.Local.Hosting;
using Microsoft.Extensions.Configuration;

namespace Lentigo.Functions.Local.Storage;

/// <summary>Clients of the storage accounts that triggers name by their connection.</summary>
internal sealed class StorageClients(IConfiguration configuration, HostJson host)
{
    /// <summary>The connection that holds the host's own data and is the default of every trigger.</summary>
    public const string HostConnection = "AzureWebJobsStorage";

    /// <summary>A client of the blob service.</summary>
    public BlobServiceClient Blobs(string? connection) => Read(connection).CreateBlobServiceClient();

    /// <summary>A client of the queue service.</summary>
    public QueueServiceClient Queues(string? connection)
    {
        StorageConnection read = Read(connection);
        QueueClientOptions options = new() { MessageEncoding = host.QueueEncoding };
        return read.ConnectionString is { } connectionString
            ? new(connectionString, options)
            : new(
                read.QueueServiceUri ?? throw new FormatException($"The storage connection '{connection ?? HostConnection}' has no queue service: set '{connection ?? HostConnection}__queueServiceUri'."),
                read.Credential,
                options);
    }

    private StorageConnection Read(string? connection) => StorageConnection.Read(key => configuration[key], string.IsNullOrEmpty(connection) ? HostConnection : connection);
}
