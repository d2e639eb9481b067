using System.Net;
using System.Runtime.InteropServices;
using Lentigo.Functions.Local.Http;
using Lentigo.Functions.Local.Settings;
using Lentigo.Functions.Local.Setup;
using Lentigo.Functions.Local.Triggers;
using Lentigo.Functions.Local.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local;

/// <summary>
/// Runs an app on one machine. Starts storage, worker, HTTP and triggers in this order; shutdown stops HTTP first, then triggers, worker and storage.
/// </summary>
internal static class Launcher
{
    private const string SetupVerb = "setup";
    private const string AppOption = "--app";

    /// <summary>Runs the launcher until it receives a stop signal.</summary>
    /// <param name="args"><c>setup</c> to set up only the storage; <c>--app FOLDER</c>, the app's output folder; settings as <c>--name value</c>.</param>
    /// <returns>The exit code: 0, or 1 if the app could not be started.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        using CancellationTokenSource stop = new();
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = !stop.IsCancellationRequested; // a second signal ends the process immediately
            stop.Cancel();
        }

        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal), terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        try
        {
            bool isSetup = args is [SetupVerb, ..];
            (string? app, string[] options) = TakeAppFolder(isSetup ? args[1..] : args);
            LocalSettings settings = LocalSettings.Read(app ?? AppContext.BaseDirectory, options);
            using ILoggerFactory logs = LoggerFactory.Create(log => log.AddConfiguration(settings.Configuration.GetSection("Logging")).AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "HH:mm:ss ";
            }));
            await (isSetup ? SetUpAsync(settings, logs, stop.Token) : RunAppAsync(settings, logs, stop.Token));
            return 0;
        }
        catch (LaunchException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"The app cannot be started: {e.Message} Check that the disk is writable and not full.");
            return 1;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return 0;
        }
    }

    private static (string? App, string[] Options) TakeAppFolder(string[] args)
    {
        int at = Array.IndexOf(args, AppOption);
        return at < 0 ? (null, args)
            : at + 1 < args.Length ? (Path.GetFullPath(args[at + 1]), [.. args[..at], .. args[(at + 2)..]])
            : throw new LaunchException($"{AppOption} needs the app's output folder.");
    }

    private static async Task SetUpAsync(LocalSettings settings, ILoggerFactory logs, CancellationToken cancellationToken)
    {
        ILogger log = logs.CreateLogger("Setup");
        await using Azurite? azurite = await LocalSetup.RunAsync(settings, log, cancellationToken);
        if (azurite is not null)
        {
            azurite.LeaveRunning();
            log.LogInformation("Azurite keeps running as process {Id} until you stop that process.", azurite.ProcessId);
        }

        log.LogInformation("Storage is ready.");
    }

    private static async Task RunAppAsync(LocalSettings settings, ILoggerFactory logs, CancellationToken stop)
    {
        ILogger log = logs.CreateLogger("Launcher");
        await using Azurite? azurite = await LocalSetup.RunAsync(settings, logs.CreateLogger("Setup"), stop);
        FunctionRpcService service = new();
        await using WebApplication rpc = BuildRpcServer(service, logs);
        await rpc.StartAsync(stop);
        await using FunctionsWorker worker = new(settings.Folder, settings.WorkerEnvironment, EndpointOf(rpc), settings.Options.FunctionTimeout, logs);
        service.Accept = worker.Accept;
        IReadOnlyList<AppFunction> all = await worker.StartAsync(stop);
        AppFunction[] disabled = [.. all.Where(f => settings.IsDisabled(f.Name))], functions = [.. all.Except(disabled)];
        ILookup<bool, AppFunction> byKind = functions.ToLookup(f => f.TriggerType == "httpTrigger");
        foreach (AppFunction unknown in byKind[false].Where(f => !TriggerMethods.CanListenTo(f)))
        {
            log.LogWarning("The function {Function} will never run: this launcher does not support {Trigger}.", unknown.Name, unknown.TriggerType);
        }

        await using WebApplication http = HttpFrontend.Build([.. byKind[true]], worker, settings.Options, logs);
        await StartListeningAsync(http, settings.Options.LocalHttpPort, stop);
        await using StorageTriggers triggers = await StorageTriggers.StartAsync([.. byKind[false].Where(TriggerMethods.CanListenTo)], worker, settings, logs, stop);
        log.LogInformation("Functions: {Functions}", string.Join(", ", functions.Select(f => f.Name)));
        if (disabled.Length > 0)
        {
            log.LogInformation("Disabled by settings: {Functions}", string.Join(", ", disabled.Select(f => f.Name)));
        }

        log.LogInformation("Ready: open http://localhost:{Port} in a browser. Press Ctrl+C to stop.", settings.Options.LocalHttpPort);
        await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        log.LogInformation("Stopping: waiting for running calls to finish.");
        await http.StopAsync(CancellationToken.None);
    }

    /// <summary>Builds the gRPC server that workers connect to, on a port chosen by the system.</summary>
    internal static WebApplication BuildRpcServer(FunctionRpcService service, ILoggerFactory logs)
    {
        WebApplicationBuilder web = LauncherHosts.CreateWebBuilder(logs);
        web.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2));
        web.Services.AddGrpc(grpc => (grpc.MaxReceiveMessageSize, grpc.MaxSendMessageSize) = (null, null));
        web.Services.AddSingleton(service);
        WebApplication app = web.Build();
        app.UseRouting();
        app.MapGrpcService<FunctionRpcService>();
        return app;
    }

    /// <summary>Returns the address of a started server.</summary>
    internal static Uri EndpointOf(WebApplication rpc) => new(rpc.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    private static async Task StartListeningAsync(WebApplication app, int port, CancellationToken cancellationToken)
    {
        try
        {
            await app.StartAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new LaunchException($"The app cannot listen on port {port}: {e.Message} Stop the program that uses it, or choose another with --port.", e);
        }
    }
}
