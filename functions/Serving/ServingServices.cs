using Azure.Storage.Blobs;
using Lentigo.Core.Imaging;
using Lentigo.Core.Models;
using Lentigo.Core.Storage;
using Lentigo.Functions.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Lentigo.Functions.Serving;

/// <summary>Registers the services that the functions use.</summary>
public static class ServingServices
{
    /// <summary>The connection for all containers and queues: the Functions host's own.</summary>
    private const string StorageConnectionName = "AzureWebJobsStorage";

    /// <summary>The container of the model packages.</summary>
    public const string ModelsContainer = "models";

    /// <summary>Adds the model, the classification and the storage services.</summary>
    /// <exception cref="InvalidOperationException">A setting in the section <c>Lentigo</c> is invalid.</exception>
    /// <exception cref="FormatException">The storage account is missing or invalid.</exception>
    public static IServiceCollection AddServing(this IServiceCollection services, IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ServingOptions options = (configuration.GetSection(ServingOptions.Section).Get<ServingOptions>() ?? new()).Checked();
        services.AddSingleton(options);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(StorageConnection.Read(key => configuration[key], StorageConnectionName).CreateBlobServiceClient());
        services.AddSingleton<ModelStore>(s => new BlobModelStore(s.GetRequiredService<BlobServiceClient>().GetBlobContainerClient(ModelsContainer), options.CacheFolder));
        services.AddTelemetry(configuration, options);
        services.AddSingleton<ServingMetrics>();
        services.AddSingleton<CurrentModel>();
        services.AddSingleton<CandidateModel>();
        services.AddSingleton(new PixelBudget(options.MaxDecodingBytes));
        services.AddSingleton<Classification>();
        services.AddSingleton<ImageRequests>();
        services.AddSingleton<LogNames>();
        services.AddSingleton<LesionBlobs>();
        services.AddSingleton<LesionStatus>();
        services.AddSingleton<LesionReconciliation>();
        services.AddSingleton<ResultListing>();
        services.AddSingleton<LesionResults>();
        services.AddSingleton<ResultIndex>();
        services.AddSingleton<FeedbackStore>();
        services.AddSingleton<PublishedModels>();
        services.AddSingleton<NamedModels>();
        services.AddSingleton<DroppedImages>();
        services.AddSingleton<DeviceModel>();
        services.AddHostedService<ModelFollower>();
        return services.AddHostedService(s => s.GetRequiredService<CandidateModel>());
    }
}
