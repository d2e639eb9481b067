using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Lentigo.Core.Models;
using Lentigo.Functions.Local.Settings;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Setup;

/// <summary>
/// Does on this machine what the deployment does in Azure: a storage account (Azurite), the containers and the poison queue in it, and the model
/// that ships with the repository published to it. A real account is left as it is.
/// </summary>
internal static class LocalSetup
{
    private static readonly string[] Containers = ["lesions", "results", "models"];
    private const string ModelsContainer = "models";
    private const string PoisonQueue = "webjobs-blobtrigger-poison";
    private static readonly TimeSpan AnswerLimit = TimeSpan.FromSeconds(10);

    /// <summary>Sets up, and gives the Azurite that was started for it or taken over; null where storage runs already or is a real account.</summary>
    /// <param name="settings">The app's settings.</param>
    /// <param name="log">Is told what is done.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="LaunchException">The machine or the settings lack something.</exception>
    public static async Task<Azurite?> RunAsync(LocalSettings settings, ILogger log, CancellationToken cancellationToken)
    {
        string? connection = settings.Configuration[LocalSettings.StorageSetting];
        if (string.IsNullOrEmpty(connection))
        {
            return settings.Configuration.GetSection(LocalSettings.StorageSetting).GetChildren().Any()
                ? null // an account that is reached by an identity
                : throw new LaunchException("The setting AzureWebJobsStorage is empty. Give it a connection string in local.settings.json; UseDevelopmentStorage=true is the storage account on this machine.");
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

            // The host listens to it from the start and complains as long as it is not there.
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
                throw new LaunchException($"What answers at {blobs.Uri} and {queues.Uri} cannot be used as a storage account: {reason} Stop it, or name other ports in AzureWebJobsStorage.", e);
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
            log.LogInformation("Using the storage account that runs at {Address}.", blobs);
            return Azurite.TakeOver(data);
        }

        if (hasBlobs || hasQueues)
        {
            (int taken, int free) = hasBlobs ? (blobs.Port, queues.Port) : (queues.Port, blobs.Port);
            throw new LaunchException($"Something answers on port {taken} but nothing on port {free}, so it is no whole Azurite. Stop it, or name other ports in AzureWebJobsStorage.");
        }

        Azurite azurite = await Azurite.StartAsync(root, data, blobs.Port, queues.Port, text => log.LogInformation("{Text}", text), cancellationToken);
        log.LogInformation("Azurite, the storage account on this machine, runs at {Address}.", blobs);
        return azurite;
    }

    /// <summary>Publishes <c>models/{name}</c> of the repository where the container lacks that version. A model that was published there by hand serves on.</summary>
    private static async Task PublishModelAsync(string name, LocalSettings settings, BlobContainerClient container, ILogger log, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(RootFolder(settings.Folder), "models", name);
        if (!File.Exists(Path.Combine(folder, CurrentVersion.FileName)))
        {
            if (!await container.GetBlobClient($"{name}/{CurrentVersion.FileName}").ExistsAsync(cancellationToken))
            {
                throw new LaunchException($"There is no model '{name}': neither in {folder} nor in the container '{ModelsContainer}'. Publish one with 'dotnet run --project training -- publish', or correct the settings Lentigo__Model and Lentigo__Models.");
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

    /// <summary>The repository: the folder of package-lock.json, from which Azurite is installed, at or above the given one.</summary>
    private static string RootFolder(string start)
    {
        for (DirectoryInfo? folder = new(start); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "package-lock.json")))
            {
                return folder.FullName;
            }
        }

        throw new LaunchException($"There is no package-lock.json at or above {start} to install Azurite from. Start the app in its repository, or let AzureWebJobsStorage name a storage account of your own.");
    }
}
