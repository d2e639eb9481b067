using Azure;
using Azure.Storage.Blobs;
using Lentigo.Core.Models;
using Lentigo.Functions.Serving;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local;

/// <summary>
/// What the deployment does in Azure, done at the start of a local run: the containers are made, and the model that ships with the repository is
/// published where the container does not have that version yet. A model that was published there by hand serves on.
/// </summary>
internal sealed class LocalStorage(BlobServiceClient storage, ModelStore store, ServingOptions options, IHostEnvironment environment, ILogger<LocalStorage> log) : IHostedLifecycleService
{
    /// <summary>Registers it; it works before anything else starts.</summary>
    public static void AddTo(IServiceCollection services) => services.AddHostedService<LocalStorage>();

    /// <inheritdoc/>
    public async Task StartingAsync(CancellationToken cancellationToken)
    {
        if (!storage.Uri.IsLoopback)
        {
            return; // a real account is the deployment's business
        }

        foreach (string container in (string[])[LesionBlobs.LesionsContainer, LesionBlobs.ResultsContainer, ServingServices.ModelsContainer])
        {
            await storage.GetBlobContainerClient(container).CreateIfNotExistsAsync(cancellationToken: cancellationToken);
        }

        if (ShippedModel() is not { } folder)
        {
            return;
        }

        try
        {
            ModelPackage package = ModelPackage.Open(folder);
            BlobClient published = storage.GetBlobContainerClient(ServingServices.ModelsContainer).GetBlobClient($"{options.Model}/{package.Manifest.Version}/{ModelManifest.FileName}");
            byte[] manifest = await File.ReadAllBytesAsync(Path.Combine(package.Folder, ModelManifest.FileName), cancellationToken);
            if (!await HoldsAsync(published, manifest, cancellationToken))
            {
                await store.PublishAsync(package, cancellationToken);
                log.LogInformation("Published the shipped model {Name} {Version} to {Location}.", package.Manifest.Name, package.Manifest.Version, store.Location);
            }
        }
        catch (ModelPackageException e)
        {
            log.LogError("The shipped model is not published: {Reason}", e.Message);
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
    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

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

    /// <summary>The folder <c>models/{name}</c> beside or above the app, where it holds a package.</summary>
    private string? ShippedModel()
    {
        for (DirectoryInfo? folder = new(environment.ContentRootPath); folder is not null; folder = folder.Parent)
        {
            string model = Path.Combine(folder.FullName, "models", options.Model);
            if (File.Exists(Path.Combine(model, CurrentVersion.FileName)))
            {
                return model;
            }
        }

        return null;
    }
}
