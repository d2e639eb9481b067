using System.Threading.Channels;
using Lentigo.Functions.Local.Settings;
using Lentigo.Functions.Local.Worker;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Triggers;

/// <summary>Listens for blobs, queue messages and timers through a <see cref="TriggerHost"/>, which it restarts if one of the listeners fails.</summary>
internal sealed class StorageTriggers : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2), LongestPause = TimeSpan.FromSeconds(30);
    private readonly Channel<Exception> faults = Channel.CreateBounded<Exception>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly CancellationTokenSource stopping = new();
    private readonly Func<Action<Exception>, CancellationToken, Task<TriggerHost>> start;
    private readonly ILogger log;
    private TriggerHost? running;
    private Task watching = Task.CompletedTask;

    private StorageTriggers(Func<Action<Exception>, CancellationToken, Task<TriggerHost>> start, ILogger log) => (this.start, this.log) = (start, log);

    /// <summary>Starts listening for the triggers of the given functions.</summary>
    /// <exception cref="LaunchException">A function or a setting cannot be used.</exception>
    public static async Task<StorageTriggers> StartAsync(
        IReadOnlyList<AppFunction> functions, FunctionsWorker worker, LocalSettings settings, ILoggerFactory logs, CancellationToken cancellationToken)
    {
        StorageTriggers triggers = new((onFault, stop) => TriggerHost.StartAsync(functions, worker, settings, logs, onFault, stop), logs.CreateLogger("Host.Triggers"));
        triggers.running = await triggers.start(triggers.Report, cancellationToken);
        triggers.watching = triggers.WatchAsync(triggers.stopping.Token);
        return triggers;
    }

    /// <summary>Stops listening and waits for running calls to finish.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await watching;
        await StopAsync();
        stopping.Dispose();
    }

    private void Report(Exception fault) => faults.Writer.TryWrite(fault);

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        try
        {
            while (true)
            {
                Exception fault = await faults.Reader.ReadAsync(cancellationToken);
                log.LogError("A listener failed ({Fault}). Restarting all listeners.", fault.GetType().Name); // its message may contain an image name
                await Task.Delay(Pause, cancellationToken); // other listeners may fail for the same reason
                await StopAsync();
                DiscardFaults();
                await StartAgainAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The launcher is stopping.
        }
    }

    /// <summary>Discards the faults of listeners that no longer run, so that they do not restart the next ones.</summary>
    private void DiscardFaults()
    {
        while (faults.Reader.TryRead(out _))
        {
        }
    }

    private async Task StopAsync()
    {
        if (running is not { } host)
        {
            return;
        }

        running = null;
        try
        {
            await host.DisposeAsync();
        }
        catch (Exception e)
        {
            log.LogWarning("The listeners did not stop cleanly ({Fault}).", e.GetType().Name);
        }
    }

    private async Task StartAgainAsync(CancellationToken cancellationToken)
    {
        for (TimeSpan pause = Pause; running is null; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
        {
            try
            {
                running = await start(Report, cancellationToken);
            }
            catch (Exception e) when (!cancellationToken.IsCancellationRequested)
            {
                log.LogError("The listeners cannot be started yet ({Fault}). Retrying.", (e.InnerException ?? e).GetType().Name);
                DiscardFaults();
                await Task.Delay(pause, cancellationToken);
            }
        }
    }
}
