using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Lentigo.Core.Models;
using Lentigo.Functions.Local.Settings;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Setup;

/// <summary>
/// Does locally what the deployment does in Azure: starts a storage account (Azurite), creates its containers and the poison queue, and publishes the model
/// that ships with the repository. A real storage account is not changed.
/// </summary>
internal static class LocalSetup
{
    private static readonly string[] Containers = ["lesions", "results", "models"];
    private const string ModelsContainer = "models";
    private const string PoisonQueue = "webjobs-blobtrigger-poison";
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    /// <summary>Sets up the storage. Returns the Azurite that was started or taken over; null if the storage is already running or is a real account.</summary>
    /// <param name="settings">The app's settings.</param>
    /// <param name="log">Receives progress messages.</param>
    /// <param name="cancellationToken">Cancels the setup.</param>
    /// <exception cref="LaunchException">A prerequisite or a setting is missing or invalid.</exception>
    public static async Task<Azurite?> RunAsync(LocalSettings settings, ILogger log, CancellationToken cancellationToken)
    {
        string? connection = settings.Configuration[LocalSettings.StorageSetting];
        if (string.IsNullOrEmpty(connection))
        {
            return settings.Configuration.GetSection(LocalSettings.StorageSetting).GetChildren().Any()
                ? null // an identity-based connection
                : throw new LaunchException("The setting AzureWebJobsStorage is empty. Set it to a connection string in local.settings.json; UseDevelopmentStorage=true is the storage account on this machine.");
        }

        BlobServiceClient blobs;
        QueueServiceClient queues;
        try
        {
            blobs = new(connection, new BlobClientOptions { TrimBlobNameSlashes = false, Retry = { MaxRetries = 1, NetworkTimeout = AnswerLimit } });
            queues = new(connection, new QueueClientOptions { Retry = { MaxRetries = 1, NetworkTimeout = AnswerLimit } });
        }
        catch (Exception e) when (e is FormatException or ArgumentException or InvalidOperationException)
        {
            throw new LaunchException($"The setting AzureWebJobsStorage is not a connection string: {e.Message} UseDevelopmentStorage=true is the storage account on this machine.", e);
        }

        if (!blobs.Uri.IsLoopback || !queues.Uri.IsLoopback)
        {
            log.LogInformation("Using the storage account {Account}.", blobs.AccountName);
            return null;
        }

        Azurite? azurite = await StartAzuriteAsync(settings, blobs.Uri, queues.Uri, log, cancellationToken);
        try
        {
            foreach (string container in Containers)
            {
                await blobs.GetBlobContainerClient(container).CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            }

            // The host polls this queue from the start and logs errors until it exists.
            await queues.GetQueueClient(PoisonQueue).CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            string serving = settings.Configuration["Lentigo:Model"] is { Length: > 0 } set ? set : "lentigo";
            string[] others = settings.Configuration["Lentigo:Models"]?.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? [];
            foreach (string name in others.Prepend(serving).Distinct(StringComparer.Ordinal))
            {
                await PublishModelAsync(name, settings, blobs.GetBlobContainerClient(ModelsContainer), log, cancellationToken);
            }

            return azurite;
        }
        catch (Exception e)
        {
            if (azurite is not null)
            {
                await azurite.DisposeAsync();
            }

            if (e is RequestFailedException or AggregateException or TaskCanceledException && !cancellationToken.IsCancellationRequested)
            {
                string reason = (e.InnerException ?? e).Message.Split('\n')[0].Trim();
                throw new LaunchException($"The service at {blobs.Uri} and {queues.Uri} cannot be used as a storage account: {reason} Stop it, or set other ports in AzureWebJobsStorage.", e);
            }

            throw;
        }
    }

    private static async Task<Azurite?> StartAzuriteAsync(LocalSettings settings, Uri blobs, Uri queues, ILogger log, CancellationToken cancellationToken)
    {
        string root = RootFolder(settings.Folder);
        string data = settings.Options.AzuriteFolder ?? Path.Combine(root, ".azurite");
        bool hasBlobs = await Azurite.AnswersAsync(blobs.Port), hasQueues = await Azurite.AnswersAsync(queues.Port);
        if (hasBlobs && hasQueues)
        {
            log.LogInformation("Using the storage account already running at {Address}.", blobs);
            return Azurite.TakeOver(data);
        }

        if (hasBlobs || hasQueues)
        {
            (int taken, int free) = hasBlobs ? (blobs.Port, queues.Port) : (queues.Port, blobs.Port);
            throw new LaunchException($"A service is running on port {taken} but none on port {free}, so this is not a complete Azurite. Stop it, or set other ports in AzureWebJobsStorage.");
        }

        Azurite azurite = await Azurite.StartAsync(root, data, blobs.Port, queues.Port, text => log.LogInformation("{Text}", text), cancellationToken);
        log.LogInformation("Azurite, the storage account on this machine, is running at {Address}.", blobs);
        return azurite;
    }

    /// <summary>
    /// Publishes <c>models/{name}</c> of the repository if the container lacks that version. A model that is only in the container stays in service.
    /// </summary>
    private static async Task PublishModelAsync(string name, LocalSettings settings, BlobContainerClient container, ILogger log, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(RootFolder(settings.Folder), "models", name);
        if (!File.Exists(Path.Combine(folder, CurrentVersion.FileName)))
        {
            if (!await container.GetBlobClient($"{name}/{CurrentVersion.FileName}").ExistsAsync(cancellationToken))
            {
                throw new LaunchException($"There is no model '{name}', neither in {folder} nor in the container '{ModelsContainer}'. Publish one with 'dotnet run --project training -- publish', or correct the settings Lentigo__Model and Lentigo__Models.");
            }

            return;
        }

        try
        {
            ModelPackage package = ModelPackage.Open(folder);
            BlobClient published = container.GetBlobClient($"{name}/{package.Manifest.Version}/{ModelManifest.FileName}");
            byte[] manifest = await File.ReadAllBytesAsync(Path.Combine(package.Folder, ModelManifest.FileName), cancellationToken);
            if (!await HoldsAsync(published, manifest, cancellationToken))
            {
                await new BlobModelStore(container, BlobModelStore.DefaultCacheFolder).PublishAsync(package, cancellationToken);
                log.LogInformation("Published the shipped model {Name} {Version}.", name, package.Manifest.Version);
            }
        }
        catch (ModelPackageException e)
        {
            throw new LaunchException($"The shipped model cannot be published: {e.Message}", e);
        }
    }

    private static async Task<bool> HoldsAsync(BlobClient blob, byte[] content, CancellationToken cancellationToken)
    {
        try
        {
            return (await blob.DownloadContentAsync(cancellationToken)).Value.Content.ToMemory().Span.SequenceEqual(content);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return false;
        }
    }

    /// <summary>Finds the repository root: the folder at or above the given one with the package-lock.json that Azurite is installed from.</summary>
    private static string RootFolder(string start)
    {
        for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "package-lock.json")))
            {
                return folder.FullName;
            }
        }

        throw new LaunchException($"There is no package-lock.json at or above {start} to install Azurite from. Start the app in its repository, or set AzureWebJobsStorage to another storage account.");
    }
}
