using Lentigo.Functions.Local.Hosting;
using Lentigo.Functions.Local.Storage;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Development;

/// <summary>Starts Azurite before everything else where the settings ask for a storage account on this machine and none answers; stops it last.</summary>
internal sealed class AzuriteService(StorageClients storage, LocalRuntimeOptions options, IHostEnvironment environment, ILogger<AzuriteService> log) : IHostedLifecycleService, IAsyncDisposable
{
    private Azurite? azurite;

    /// <inheritdoc/>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        try
        {
            await StartAzuriteAsync(cancellationToken);
        }
        catch (Exception e) when (e is LocalSetupException or FormatException)
        {
            // Whoever starts the app needs the sentence, not the stack of a crash.
            await Console.Error.WriteLineAsync(e.Message);
            Environment.Exit(1);
        }
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task StoppedAsync(CancellationToken cancellationToken) => await DisposeAsync();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref azurite, null) is { } running)
        {
            await running.DisposeAsync();
        }
    }

    private async Task StartAzuriteAsync(CancellationToken cancellationToken)
    {
        Uri blobs = storage.Blobs(StorageClients.HostConnection).Uri, queues = storage.Queues(StorageClients.HostConnection).Uri;
        if (!blobs.IsLoopback || !queues.IsLoopback)
        {
            return;
        }

        bool hasBlobs = await Azurite.AnswersAsync(blobs.Port), hasQueues = await Azurite.AnswersAsync(queues.Port);
        if (hasBlobs && hasQueues)
        {
            log.LogInformation("Using the storage account that runs at {Address}.", blobs);
            return;
        }

        if (hasBlobs || hasQueues)
        {
            throw new LocalSetupException(
                $"Something answers on port {(hasBlobs ? blobs.Port : queues.Port)} but nothing on port {(hasBlobs ? queues.Port : blobs.Port)}, so it is no whole Azurite. Stop it, or let AzureWebJobsStorage name other ports.");
        }

        string root = RootFolder();
        azurite = await Azurite.StartAsync(root, options.AzuriteFolder ?? Path.Combine(root, ".azurite"), blobs.Port, queues.Port, text => log.LogInformation("{Text}", text), cancellationToken);
        log.LogInformation("Azurite runs at {Address}.", blobs);
    }

    private string RootFolder()
    {
        for (DirectoryInfo? folder = new(environment.ContentRootPath); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "package-lock.json")))
            {
                return folder.FullName;
            }
        }

        throw new LocalSetupException(
            $"No storage account answers, and there is no package-lock.json above {environment.ContentRootPath} to install Azurite from. Start the app from its repository, or let the setting AzureWebJobsStorage name a storage account that runs already.");
    }
}
