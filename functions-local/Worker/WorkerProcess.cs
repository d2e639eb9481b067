using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Worker;

/// <summary>A worker process of the app. It ends when the launcher ends, even if the launcher is killed; see <see cref="StartupHook"/>.</summary>
internal sealed class WorkerProcess : IAsyncDisposable
{
    /// <summary>The type name of Kestrel's exception. Unlike its message, it is not localized in the runtime's output.</summary>
    private const string AddressInUse = "AddressInUseException";

    private const int KeptLines = 20;
    private const int MaxMessageBytes = 128 * 1024 * 1024;
    private readonly Process process;
    private readonly Queue<string> lastErrors = new();
    private readonly ILogger log;
    private bool isDisposed;

    private WorkerProcess(Process process, ILogger log)
    {
        this.process = process;
        this.log = log;
    }

    /// <summary>Completes when the process has ended.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    /// <summary>The process's id.</summary>
    public int Id { get; private init; }

    /// <summary>Whether another process took the port of the HTTP endpoint before the worker could bind it, so that a retry may succeed.</summary>
    public bool FoundPortTaken { get; private set; }

    /// <summary>How the process ended: its exit code and the last lines of its standard error output.</summary>
    public string Ending
    {
        get
        {
            lock (lastErrors)
            {
                return $"exit code {process.ExitCode}{(lastErrors.Count > 0 ? $": {string.Join(Environment.NewLine, lastErrors)}" : "")}";
            }
        }
    }

    /// <summary>Starts the worker specified in the app's <c>worker.config.json</c>.</summary>
    /// <param name="appFolder">The app's output folder.</param>
    /// <param name="rpcEndpoint">Where the launcher serves FunctionRpc.</param>
    /// <param name="workerId">The id by which the worker identifies itself.</param>
    /// <param name="settings">The app's settings, as environment variables.</param>
    /// <param name="log">Receives the process's standard output and error output.</param>
    /// <exception cref="LaunchException">The folder does not contain an app.</exception>
    public static WorkerProcess Start(string appFolder, Uri rpcEndpoint, string workerId, IReadOnlyDictionary<string, string> settings, ILogger log)
    {
        ProcessStartInfo start = new(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet")
        {
            WorkingDirectory = appFolder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                ProgramOf(appFolder),
                "--functions-uri", rpcEndpoint.ToString(),
                "--functions-worker-id", workerId,
                "--functions-request-id", workerId,
                "--functions-grpc-max-message-length", $"{MaxMessageBytes}",
            },
        };
        foreach ((string name, string value) in settings)
        {
            start.Environment[name] = value;
        }

        start.Environment.Remove("ASPNETCORE_URLS"); // it is the launcher's address, not the worker's
        start.Environment["FUNCTIONS_APPLICATION_DIRECTORY"] = appFolder;
        string hook = typeof(StartupHook).Assembly.Location;
        start.Environment["DOTNET_STARTUP_HOOKS"] = start.Environment.TryGetValue("DOTNET_STARTUP_HOOKS", out string? others) && others is { Length: > 0 }
            ? $"{hook}{Path.PathSeparator}{others}"
            : hook;

        Process process = Process.Start(start) ?? throw new LaunchException($"'{start.FileName}' could not be started. Install the .NET 10 SDK.");
        WorkerProcess worker = new(process, log) { Id = process.Id };
        process.OutputDataReceived += (_, line) => worker.Write(line.Data, isError: false);
        process.ErrorDataReceived += (_, line) => worker.Write(line.Data, isError: true);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        worker.Ended = process.WaitForExitAsync();
        return worker;
    }

    /// <summary>Kills the process if it is running.</summary>
    public async ValueTask DisposeAsync()
    {
        if (isDisposed)
        {
            return;
        }

        isDisposed = true;
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }

        await Ended;
        process.Dispose();
    }

    private static string ProgramOf(string appFolder)
    {
        string config = Path.Combine(appFolder, "worker.config.json");
        if (!File.Exists(config))
        {
            throw new LaunchException($"There is no built Functions app in {appFolder}: worker.config.json is missing. Build it with 'dotnet build functions', or name its output folder with --app.");
        }

        JsonElement description = JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(config)).GetProperty("description");
        return Path.Combine(appFolder, description.GetProperty("defaultWorkerPath").GetString()!);
    }

    private void Write(string? line, bool isError)
    {
        if (string.IsNullOrWhiteSpace(line))
        {
            return;
        }

        FoundPortTaken |= line.Contains(AddressInUse, StringComparison.Ordinal);
        if (isError)
        {
            lock (lastErrors)
            {
                lastErrors.Enqueue(line);
                if (lastErrors.Count > KeptLines)
                {
                    lastErrors.Dequeue();
                }
            }
        }

        log.Log(isError ? LogLevel.Warning : LogLevel.Information, "{Line}", line);
    }
}
