using System.Runtime.ExceptionServices;
using Azure.Storage.Blobs;
using Lentigo.Functions.Local.Settings;
using Lentigo.Functions.Local.Worker;
using Microsoft.Azure.WebJobs;
using Microsoft.Azure.WebJobs.Host;
using Microsoft.Azure.WebJobs.Host.Config;
using Microsoft.Azure.WebJobs.Extensions.Timers;
using Microsoft.Azure.WebJobs.Host.Executors;
using Microsoft.Azure.WebJobs.Host.Timers;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Triggers;

/// <summary>
/// Listens for blobs, queue messages and timers with the WebJobs SDK, so that polling, retries and poison queues are Azure's own code. For a storage account on
/// this machine, <see cref="LocalEventGrid"/> notifies it of uploads, as Event Grid does in Azure.
/// </summary>
internal sealed class TriggerHost : IAsyncDisposable
{
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(30);
    private readonly IHost host;
    private readonly IReadOnlyList<LocalEventGrid> events;

    private TriggerHost(IHost host, IReadOnlyList<LocalEventGrid> events) => (this.host, this.events) = (host, events);

    /// <summary>Starts listening for the triggers of the given functions.</summary>
    /// <param name="functions">The functions; all must have supported triggers.</param>
    /// <param name="worker">Runs them.</param>
    /// <param name="settings">The app's settings.</param>
    /// <param name="logs">Creates the loggers.</param>
    /// <param name="onFault">Called when a listener has failed and may have stopped listening.</param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="LaunchException">A function or a setting cannot be used.</exception>
    public static async Task<TriggerHost> StartAsync(
        IReadOnlyList<AppFunction> functions, FunctionsWorker worker, LocalSettings settings, ILoggerFactory logs, Action<Exception> onFault, CancellationToken cancellationToken)
    {
        BlobServiceClient? local = LocalAccount(settings);
        AppFunction[] byEvents = local is null ? [] : [.. functions.Where(f => f["connection"] is null or LocalSettings.StorageSetting && LocalEventGrid.ContainerOf(f) is not null)];
        IHost host = new HostBuilder()
            .ConfigureAppConfiguration(c => c.AddConfiguration(settings.Configuration))
            .ConfigureWebJobs(jobs =>
            {
                jobs.AddAzureStorageCoreServices();
                jobs.AddExecutionContextBinding();
                jobs.AddAzureStorageBlobs();
                jobs.AddAzureStorageQueues();
                jobs.AddTimers();
            })
            .ConfigureServices(services =>
            {
                LauncherHosts.AddTo(services, logs);
                services.Configure<HostOptions>(o => o.ShutdownTimeout = StopLimit);
                // The minimum that the SDK allows. A killed launcher holds its locks for this long, and there is no other instance to wait for.
                services.Configure<SingletonOptions>(o => o.ListenerLockPeriod = o.ListenerLockRecoveryPollingInterval = TimeSpan.FromSeconds(15));
                services.AddSingleton<ITypeLocator>(new TriggerMethods(functions, byEvents));
                services.AddSingleton<IJobActivator>(new Activator(worker, functions.ToDictionary(f => f.Name, StringComparer.OrdinalIgnoreCase)));
                services.AddSingleton<IWebJobsExceptionHandler>(new Faults(onFault));
                services.AddSingleton<IHostIdProvider>(new HostId(settings.Options.HostId));
                // Required by the SDK, but never written to (see TriggerMethods); the default implementation needs an older
                // Microsoft.Azure.WebJobs.Host.Storage.
                services.AddSingleton<ScheduleMonitor>(new FileSystemScheduleMonitor(Path.GetTempPath()));
            })
            .Build();
        try
        {
            await host.StartAsync(cancellationToken);
            var webhook = host.Services.GetServices<IExtensionConfigProvider>().OfType<IAsyncConverter<HttpRequestMessage, HttpResponseMessage>>().Single();
            ILogger log = logs.CreateLogger("Host.Triggers.Blob");
            LocalEventGrid[] events = [.. byEvents.Select(f => new LocalEventGrid(webhook, local!, f, settings.Options.HostId, log))];
            foreach (LocalEventGrid one in events)
            {
                one.Start();
            }

            return new(host, events);
        }
        catch (OperationCanceledException)
        {
            host.Dispose();
            throw;
        }
        catch (Exception e)
        {
            host.Dispose();
            throw new LaunchException($"The trigger listeners cannot be started: {(e.InnerException ?? e).Message} Correct the section extensions of host.json, a setting AzureFunctionsJobHost__extensions__... that overrides it, or the function.", e);
        }
    }

    /// <summary>Stops listening and waits for running calls to finish.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            foreach (LocalEventGrid one in events)
            {
                await one.DisposeAsync();
            }

            await host.Services.GetRequiredService<IDrainModeManager>().EnableDrainModeAsync(CancellationToken.None);
        }
        finally
        {
            try
            {
                await host.StopAsync(CancellationToken.None);
            }
            finally
            {
                host.Dispose();
            }
        }
    }

    /// <summary>Returns a client of the app's storage account if it is on this machine, and therefore sends no events; otherwise null.</summary>
    private static BlobServiceClient? LocalAccount(LocalSettings settings) =>
        settings.Configuration[LocalSettings.StorageSetting] is { Length: > 0 } connection
            && new BlobServiceClient(connection, new BlobClientOptions { TrimBlobNameSlashes = false }) is { Uri.IsLoopback: true } account
                ? account
                : null;

    /// <summary>Reports unhandled exceptions; the SDK's default handler would end the process.</summary>
    private sealed class Faults(Action<Exception> report) : IWebJobsExceptionHandler
    {
        public Task OnTimeoutExceptionAsync(ExceptionDispatchInfo exceptionInfo, TimeSpan timeoutGracePeriod) => OnUnhandledExceptionAsync(exceptionInfo);

        public Task OnUnhandledExceptionAsync(ExceptionDispatchInfo exceptionInfo)
        {
            report(exceptionInfo.SourceException);
            return Task.CompletedTask;
        }
    }

    private sealed class HostId(string id) : IHostIdProvider
    {
        public Task<string> GetHostIdAsync(CancellationToken cancellationToken) => Task.FromResult(id);
    }

    private sealed class Activator(FunctionsWorker worker, IReadOnlyDictionary<string, AppFunction> functions) : IJobActivator
    {
        public T CreateInstance<T>()
        {
            T instance = System.Activator.CreateInstance<T>();
            if (instance is TriggerCalls calls)
            {
                (calls.Worker, calls.Functions) = (worker, functions);
            }

            return instance;
        }
    }
}
