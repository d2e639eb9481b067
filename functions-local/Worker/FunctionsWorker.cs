using System.Diagnostics;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Worker;

/// <summary>The app's worker process: calls the app's functions, and restarts the process if it dies.</summary>
/// <param name="appFolder">The app's output folder.</param>
/// <param name="settings">The app's settings, as environment variables.</param>
/// <param name="rpcEndpoint">Where the launcher serves FunctionRpc.</param>
/// <param name="functionTimeout">The time limit of a call; null for no limit.</param>
/// <param name="logs">Receives the worker's log.</param>
internal sealed class FunctionsWorker(string appFolder, IReadOnlyDictionary<string, string> settings, Uri rpcEndpoint, TimeSpan? functionTimeout, ILoggerFactory logs) : IAsyncDisposable
{
    private const int MaxFirstStarts = 5;
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan StableAfter = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan CancelGrace = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StopGrace = TimeSpan.FromSeconds(15);
    private readonly ILogger log = logs.CreateLogger("Worker");
    private readonly CancellationTokenSource stopping = new();
    private TaskCompletionSource<WorkerConnection> ready = NewSignal();
    private (string Id, WorkerConnection Connection, TaskCompletionSource Connected) expected = ("", new(logs), new());
    private WorkerProcess? process;
    private Task supervision = Task.CompletedTask;

    /// <summary>The connection to the worker, or null while there is none.</summary>
    public WorkerConnection? Current => ready.Task is { IsCompletedSuccessfully: true, Result: { Closed.IsCompleted: false } connection } ? connection : null;

    /// <summary>Returns the connection for a worker that identifies itself by the given id, or null if no worker with this id was started.</summary>
    public WorkerConnection? Accept(string workerId)
    {
        (string id, WorkerConnection connection, TaskCompletionSource connected) = expected;
        return workerId == id && connected.TrySetResult() ? connection : null;
    }

    /// <summary>Starts the worker and loads its functions.</summary>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="LaunchException">The worker does not start, or a function cannot be loaded.</exception>
    public async Task<IReadOnlyList<AppFunction>> StartAsync(CancellationToken cancellationToken)
    {
        IReadOnlyList<AppFunction> functions = await StartFirstAsync(cancellationToken);
        supervision = SuperviseAsync();
        return functions;
    }

    /// <summary>Calls a function; waits until a worker is ready.</summary>
    /// <exception cref="WorkerLostException">The worker ended during the call.</exception>
    /// <exception cref="FunctionFailedException">The function threw.</exception>
    /// <exception cref="TimeoutException">The call took longer than <c>functionTimeout</c> in host.json.</exception>
    public async Task InvokeAsync(AppFunction function, InvocationRequest request, CancellationToken cancellationToken) =>
        await InvokeAsync(await ready.Task.WaitAsync(cancellationToken), function, request, cancellationToken);

    /// <inheritdoc cref="InvokeAsync(AppFunction, InvocationRequest, CancellationToken)"/>
    public async Task InvokeAsync(WorkerConnection connection, AppFunction function, InvocationRequest request, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (functionTimeout is { } time)
        {
            limit.CancelAfter(time);
        }

        request.FunctionId = function.Metadata.FunctionId;
        request.TraceContext = new() { TraceParent = Activity.Current?.Id ?? "", TraceState = Activity.Current?.TraceStateString ?? "" };
        Task<StreamingMessage> answer = connection.AskAsync(new() { RequestId = request.InvocationId, InvocationRequest = request }, CancellationToken.None);
        using (limit.Token.Register(() => connection.Send(new() { InvocationCancel = new() { InvocationId = request.InvocationId } })))
        {
            await Task.WhenAny(answer, Task.Delay(Timeout.Infinite, limit.Token)); // until it answers, is canceled or times out
            if (!answer.IsCompleted)
            {
                await Task.WhenAny(answer, Task.Delay(CancelGrace, CancellationToken.None));
            }
        }

        if (limit.IsCancellationRequested && !answer.IsCompletedSuccessfully)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new TimeoutException($"The function '{function.Name}' took longer than {functionTimeout}, the functionTimeout of host.json.");
        }

        StatusResult result = (await answer).InvocationResponse.Result;
        if (result.Status != StatusResult.Types.Status.Success)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new FunctionFailedException(function.Name, result.Exception);
        }
    }

    /// <summary>Asks the worker to stop, and kills it if it does not.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        if (process is { } running)
        {
            Current?.Send(new() { WorkerTerminate = new() { GracePeriod = Duration.FromTimeSpan(StopGrace) } });
            await Task.WhenAny(running.Ended, Task.Delay(Current is null ? TimeSpan.Zero : StopGrace));
            await running.DisposeAsync();
        }

        await supervision;
        stopping.Dispose();
    }

    private static TaskCompletionSource<WorkerConnection> NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The worker picks a free port and binds it a moment later. If another process takes the port in between, the start is retried.</summary>
    private async Task<IReadOnlyList<AppFunction>> StartFirstAsync(CancellationToken cancellationToken)
    {
        for (int start = 1; ; start++)
        {
            try
            {
                return await StartProcessAsync(cancellationToken);
            }
            catch (LaunchException) when (start < MaxFirstStarts && process is { FoundPortTaken: true })
            {
                log.LogWarning("Another process took the port that the worker had chosen. Restarting the worker.");
            }
        }
    }

    private async Task SuperviseAsync()
    {
        TimeSpan pause = TimeSpan.Zero;
        long started = Stopwatch.GetTimestamp();
        while (true)
        {
            await Task.WhenAny(process!.Ended, expected.Connection.Closed, Task.Delay(Timeout.Infinite, stopping.Token));
            if (stopping.IsCancellationRequested)
            {
                return;
            }

            expected.Connection.Close();
            if (ready.Task.IsCompleted)
            {
                ready = NewSignal();
                await Task.WhenAny(process.Ended, Task.Delay(EndGrace)); // the stream breaks a moment before the process has ended
                log.LogError("The worker, process {Id}, ended with {Ending}. Restarting it.", process.Id, process.Ended.IsCompleted ? process.Ending : "a broken connection");
            }

            pause = Stopwatch.GetElapsedTime(started) > StableAfter ? TimeSpan.Zero : TimeSpan.FromSeconds(Math.Clamp(2 * pause.TotalSeconds, 1, LongestPause.TotalSeconds));
            try
            {
                await Task.Delay(pause, stopping.Token);
                await process.DisposeAsync();
                started = Stopwatch.GetTimestamp();
                await StartProcessAsync(stopping.Token);
                log.LogInformation("The worker was restarted as process {Id}.", process.Id);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (LaunchException e)
            {
                log.LogError("The worker could not be restarted: {Reason}", e.Message);
            }
        }
    }

    private async Task<IReadOnlyList<AppFunction>> StartProcessAsync(CancellationToken cancellationToken)
    {
        WorkerConnection connection = new(logs);
        expected = (Guid.NewGuid().ToString(), connection, new(TaskCreationOptions.RunContinuationsAsynchronously));
        WorkerProcess started = process = WorkerProcess.Start(appFolder, rpcEndpoint, expected.Id, settings, log);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(ConnectLimit);
        try
        {
            Task<IReadOnlyList<AppFunction>> functions = LoadAsync(connection, expected.Connected.Task, limit.Token);
            if (await Task.WhenAny(functions, started.Ended) != functions)
            {
                connection.Close();
                throw new LaunchException($"The app ended before it was ready, with {started.Ending}");
            }

            IReadOnlyList<AppFunction> loaded = await functions;
            ready.TrySetResult(connection);
            return loaded;
        }
        catch (Exception e)
        {
            await started.DisposeAsync();
            cancellationToken.ThrowIfCancellationRequested();
            throw e is OperationCanceledException
                ? new LaunchException($"The worker did not connect within {ConnectLimit.TotalSeconds:0} seconds. See its log above, or start again when the machine is less busy.")
                : e as LaunchException ?? new LaunchException($"The worker could not be started: {e.Message}", e);
        }
    }

    private async Task<IReadOnlyList<AppFunction>> LoadAsync(WorkerConnection connection, Task connected, CancellationToken cancellationToken)
    {
        await connected.WaitAsync(cancellationToken);
        WorkerInitRequest init = new() { HostVersion = "4.0.0", WorkerDirectory = appFolder, FunctionAppDirectory = appFolder };
        WorkerInitResponse initialized = (await connection.AskAsync(new() { WorkerInitRequest = init }, cancellationToken)).WorkerInitResponse;
        Check(initialized.Result, "be initialized");
        connection.HttpEndpoint = initialized.Capabilities.GetValueOrDefault("HttpUri");

        FunctionMetadataResponse listed = (await connection.AskAsync(new() { FunctionsMetadataRequest = new() { FunctionAppDirectory = appFolder } }, cancellationToken)).FunctionMetadataResponse;
        Check(listed.Result, "list its functions");
        foreach (RpcFunctionMetadata metadata in listed.FunctionMetadataResults)
        {
            FunctionLoadRequest load = new() { FunctionId = metadata.FunctionId, Metadata = metadata };
            Check((await connection.AskAsync(new() { FunctionLoadRequest = load }, cancellationToken)).FunctionLoadResponse.Result, $"load the function '{metadata.Name}'");
        }

        return [.. listed.FunctionMetadataResults.Select(m => new AppFunction(m))];

        static void Check(StatusResult result, string what)
        {
            if (result.Status != StatusResult.Types.Status.Success)
            {
                throw new LaunchException($"The worker could not {what}: {result.Exception?.Message} Correct the app and build it again.");
            }
        }
    }
}

/// <summary>A function threw an exception. The message contains the exception's message as reported by the worker.</summary>
internal sealed class FunctionFailedException(string function, RpcException? failure) : Exception($"The function '{function}' failed: {failure?.Message}")
{
    /// <summary>The stack trace of the exception in the worker.</summary>
    public string WorkerStackTrace => failure?.StackTrace ?? "";
}
