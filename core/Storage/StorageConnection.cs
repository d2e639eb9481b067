using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;

namespace Lentigo.Core.Storage;

/// <summary>
/// How to reach a storage account, read from settings named as Azure Functions names them: a connection string in <c>{name}</c>, or an
/// identity-based connection in <c>{name}:blobServiceUri</c> and <c>{name}:queueServiceUri</c>, <c>{name}:serviceUri</c> or <c>{name}:accountName</c>,
/// with <c>{name}:clientId</c> for a user-assigned identity.
/// </summary>
public sealed class StorageConnection
{
    private readonly string _name;

    private StorageConnection(string name, string? connectionString, Uri? blobs, Uri? queues, TokenCredential? credential)
    {
        _name = name;
        ConnectionString = connectionString;
        BlobServiceUri = blobs;
        QueueServiceUri = queues;
        Credential = credential;
    }

    /// <summary>The connection string, or null where the connection is identity-based.</summary>
    public string? ConnectionString { get; }

    /// <summary>The blob service's address; null with a connection string.</summary>
    public Uri? BlobServiceUri { get; }

    /// <summary>The queue service's address; null with a connection string or where only blobs are reachable.</summary>
    public Uri? QueueServiceUri { get; }

    /// <summary>The identity; null with a connection string.</summary>
    public TokenCredential? Credential { get; }

    /// <summary>Reads a connection.</summary>
    /// <param name="setting">Looks a setting up; parts of a name are separated by a colon.</param>
    /// <param name="name">The connection's name, e.g. <c>AzureWebJobsStorage</c>.</param>
    /// <exception cref="FormatException">The settings name no connection, or not a valid one.</exception>
    public static StorageConnection Read(Func<string, string?> setting, string name)
    {
        ArgumentNullException.ThrowIfNull(setting);
        if (setting(name) is { Length: > 0 } connectionString)
        {
            return new(name, connectionString, null, null, null);
        }

        if (setting($"{name}:accountName") is { Length: > 0 } account)
        {
            return WithIdentity($"https://{account}.blob.core.windows.net", $"https://{account}.queue.core.windows.net");
        }

        string? blobs = setting($"{name}:blobServiceUri") ?? setting($"{name}:serviceUri");
        return blobs is { Length: > 0 }
            ? WithIdentity(blobs, setting($"{name}:queueServiceUri"))
            : throw new FormatException(
                $"No storage account is set: the setting '{name}' is empty. Give it a connection string (UseDevelopmentStorage=true is Azurite), or set "
                    + $"'{name}__blobServiceUri' and '{name}__queueServiceUri' for an identity.");

        StorageConnection WithIdentity(string blobUri, string? queueUri) => new(
            name,
            null,
            Parse(blobUri),
            queueUri is null ? null : Parse(queueUri),
            new DefaultAzureCredential(new DefaultAzureCredentialOptions { ManagedIdentityClientId = setting($"{name}:clientId") }));

        Uri Parse(string uri) => Uri.TryCreate(uri, UriKind.Absolute, out Uri? parsed)
            ? parsed
            : throw new FormatException($"The storage connection '{name}' holds '{uri}', which is not an absolute URI like "
                + "https://account.blob.core.windows.net.");
    }

    /// <summary>
    /// A client of the blob service. Blob names are taken as they are, with slashes at either end; those that may hold dot segments go through
    /// <see cref="DotSegments.Keep"/>.
    /// </summary>
    /// <exception cref="FormatException">The connection string is not one.</exception>
    public BlobServiceClient CreateBlobServiceClient()
    {
        BlobClientOptions options = new() { TrimBlobNameSlashes = false };
        options.AddPolicy(new DotSegments(), HttpPipelinePosition.PerCall);
        try
        {
            return ConnectionString is null ? new(BlobServiceUri, Credential, options) : new(ConnectionString, options);
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidOperationException)
        {
            throw new FormatException($"The storage connection '{_name}' is not a connection string: {e.Message} UseDevelopmentStorage=true is the storage "
                + "account on this machine.", e);
        }
    }
}
