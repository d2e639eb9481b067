using System.CommandLine;
using Azure.Identity;
using Azure.Storage.Blobs;
using Lentigo.Training.Storage;

namespace Lentigo.Training.Commands;

/// <summary>
/// How the verbs name places in blob storage: a URL with a SAS, a URL for the signed-in identity, or a container's name with a connection string.
/// </summary>
internal static class StorageArguments
{
    /// <summary>The variable that stands in for <c>--connection</c>.</summary>
    public const string ConnectionVariable = "AZURE_STORAGE_CONNECTION_STRING";

    /// <summary>How long an account may take to answer the first call.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The option <c>--connection</c>.</summary>
    public static readonly Option<string?> Connection = new("--connection")
    {
        HelpName = "string",
        Description = $"The connection string of the storage account, for containers given without a SAS [{ConnectionVariable}]; UseDevelopmentStorage=true is "
            + "Azurite.",
    };

    /// <summary>Whether a place is a URL.</summary>
    public static bool IsUrl(string location) => Uri.TryCreate(location, UriKind.Absolute, out Uri? url) && url.Scheme is "https" or "http";

    /// <summary>The connection string of the option, or of the variable; null where there is none.</summary>
    public static string? ConnectionOf(ParseResult arguments) =>
        arguments.GetValue(Connection) ?? (Environment.GetEnvironmentVariable(ConnectionVariable) is { Length: > 0 } set ? set : null);

    /// <summary>
    /// The folder at <c>https://account.blob.core.windows.net/container/folder?sas</c>, or at <c>container/folder</c> of the connection string's account.
    /// </summary>
    /// <exception cref="UsageException">The place or the connection string is not understood, or neither of them says who asks.</exception>
    public static BlobFolder Open(string location, string? connection)
    {
        if (Shown(location).Split('/').Any(p => p is "." or ".."))
        {
            throw new UsageException($"'{Shown(location)}' must not contain the folders . and ..");
        }

        BlobServiceClient? account = connection is null ? null : Account(connection);
        if (!IsUrl(location))
        {
            string[] parts = location.Split('/', 2, StringSplitOptions.RemoveEmptyEntries);
            return account is null
                ? throw new UsageException($"'{Shown(location)}' names a container without its account. Give the container's URL, or a connection string with "
                    + $"--connection or {ConnectionVariable}.")
                : parts.Length == 0 ? throw new UsageException("The container's name is empty.")
                : new(account.GetBlobContainerClient(parts[0]), parts.ElementAtOrDefault(1) ?? "");
        }

        BlobUriBuilder url = new(new Uri(location));
        if (url.BlobContainerName.Length == 0)
        {
            throw new UsageException($"The URL {Shown(location)} names no container. Write https://<account>.blob.core.windows.net/<container>/<folder>.");
        }

        string prefix = url.BlobName;
        url.BlobName = "";
        Uri container = url.ToUri();
        if (url.Sas is not null)
        {
            return new(new BlobContainerClient(container), prefix);
        }

        if (account is not null && container.AbsoluteUri.StartsWith(account.Uri.AbsoluteUri.TrimEnd('/') + "/", StringComparison.OrdinalIgnoreCase))
        {
            return new(account.GetBlobContainerClient(url.BlobContainerName), prefix);
        }

        // Without a SAS the identity that is signed in is asked (az login, managed identity); its tokens never go over plain HTTP.
        return container.Scheme == "https"
            ? new(new BlobContainerClient(container, new DefaultAzureCredential()), prefix)
            : throw new UsageException($"{Shown(location)} has no SAS, and the signed-in identity may only be used over https. Add a SAS, or give the "
                + "account's connection string with --connection.");
    }

    /// <summary>Creates the container where it does not exist, and so finds out early whether the account can be reached.</summary>
    /// <exception cref="TrainingException">It cannot; the message says why, within <see cref="Patience"/>.</exception>
    public static async Task ReachAsync(BlobFolder folder, CancellationToken cancellationToken)
    {
        Console.WriteLine($"Connecting to {folder.Location} ...");
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            await folder.CreateAsync(limit.Token).WaitAsync(Patience, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new TrainingException($"{folder.Container.Uri.Host} did not answer within {Patience.TotalSeconds:0} seconds. Check the account's name, the "
                + "network and the account's firewall.", e);
        }
    }

    /// <summary>A place for messages: a SAS is a key and is cut off.</summary>
    public static string Shown(string location) => IsUrl(location) ? location.Split('?')[0] : location;

    private static BlobServiceClient Account(string connection)
    {
        try
        {
            return new(connection);
        }
        catch (FormatException e)
        {
            throw new UsageException($"The connection string is not one of Azure Storage: {e.Message}");
        }
    }
}
