using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;

namespace Lentigo.Core.Storage;

/// <summary>
/// A connection to a storage account, read from settings with the names that Azure Functions uses: a connection string in <c>{name}</c>, or an identity-based
/// connection in <c>{name}:blobServiceUri</c> and <c>{name}:queueServiceUri</c>, <c>{name}:serviceUri</c> or <c>{name}:accountName</c>, with
/// <c>{name}:clientId</c> for a user-assigned identity.
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

    /// <summary>The connection string, or null if the connection is identity-based.</summary>
    public string? ConnectionString { get; }

    /// <summary>The blob service's address; null with a connection string.</summary>
    public Uri? BlobServiceUri { get; }

    /// <summary>The queue service's address; null with a connection string, or if no queue service is configured.</summary>
    public Uri? QueueServiceUri { get; }

    /// <summary>The identity; null with a connection string.</summary>
    public TokenCredential? Credential { get; }

    /// <summary>Reads a connection.</summary>
    /// <param name="setting">Looks up a setting by name; the parts of a name are separated by colons.</param>
    /// <param name="name">The connection's name, e.g. <c>AzureWebJobsStorage</c>.</param>
    /// <exception cref="FormatException">The settings contain no valid connection.</exception>
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
    /// Creates a client of the blob service. Leading and trailing slashes of blob names are kept; pass names that may contain dot segments through
    /// <see cref="DotSegments.Keep"/>.
    /// </summary>
    /// <exception cref="FormatException">The connection string is invalid.</exception>
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
