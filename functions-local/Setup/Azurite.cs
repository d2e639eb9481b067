using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lentigo.Functions.Local.Setup;

/// <summary>A running Azurite, the storage emulator, from the npm package pinned in package.json.</summary>
public sealed class Azurite : IAsyncDisposable
{
    private const string ProcessFile = "azurite.pid";
    private const string LogFile = "azurite.log";

    /// <summary>
    /// A Node.js script that starts its arguments as a detached process in a new session and prints the process id. Neither Ctrl+C nor the end of the launcher
    /// kills that process.
    /// </summary>
    private const string StartDetached = """
        const { spawn } = require('child_process'), { openSync } = require('fs');
        const log = openSync(process.argv[1], 'w');
        const azurite = spawn(process.execPath, process.argv.slice(2), { detached: true, stdio: ['ignore', log, log] });
        console.log(azurite.pid);
        azurite.unref();
        """;

    /// <summary>The path of the emulator's account.</summary>
    public const string AccountPath = "/devstoreaccount1";

    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan InstallNotice = TimeSpan.FromSeconds(10);
    private static readonly ConcurrentBag<FileStream> ReservedPorts = [];
    private readonly Process process;
    private readonly string dataFolder;
    private bool isLeftRunning;

    private Azurite(Process process, string dataFolder, int owner)
    {
        this.process = process;
        this.dataFolder = dataFolder;
        File.WriteAllText(Path.Combine(dataFolder, ProcessFile), $"{process.Id} {owner}");
    }

    /// <summary>The process id.</summary>
    public int ProcessId => process.Id;

    /// <summary>Builds the connection string for an Azurite on the given ports, with the emulator's published account name and key.</summary>
    public static string ConnectionString(int blobPort, int queuePort) =>
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
        + "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
        + $"BlobEndpoint=http://127.0.0.1:{blobPort}{AccountPath};QueueEndpoint=http://127.0.0.1:{queuePort}{AccountPath};";

    /// <summary>Whether something listens on a port of this machine.</summary>
    public static async Task<bool> AnswersAsync(int port)
    {
        using TcpClient client = new();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port).WaitAsync(TimeSpan.FromSeconds(2));
            return true;
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            return false;
        }
    }

    /// <summary>Starts Azurite and waits until it answers; installs it first if it is missing in node_modules.</summary>
    /// <param name="root">The folder of package.json.</param>
    /// <param name="dataFolder">The data folder.</param>
    /// <param name="blobPort">The blob service's port.</param>
    /// <param name="queuePort">The queue service's port.</param>
    /// <param name="say">Receives progress messages.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <exception cref="LaunchException">Node.js is missing, or Azurite does not start.</exception>
    public static async Task<Azurite> StartAsync(string root, string dataFolder, int blobPort, int queuePort, Action<string> say, CancellationToken cancellationToken)
    {
        string script = await InstallAsync(root, say, cancellationToken);
        string log = Path.Combine(dataFolder, LogFile);
        try
        {
            Directory.CreateDirectory(dataFolder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new LaunchException($"Azurite cannot keep its data in {dataFolder}: {e.Message} Set Launcher__AzuriteFolder to a writable folder.", e);
        }

        ProcessStartInfo start = new("node")
        {
            WorkingDirectory = root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                "-e", StartDetached, log, script,
                "--location", dataFolder, "--silent", "--skipApiVersionCheck", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", $"{blobPort}",
                "--queueHost", "127.0.0.1", "--queuePort", $"{queuePort}",
                "--tableHost", "127.0.0.1", "--tablePort", "0", // any free port: Azurite also starts a table service, which is not used here
            },
        };
        using Process starter = Run(start);
        Task<string> errors = starter.StandardError.ReadToEndAsync(cancellationToken);
        if (!int.TryParse(await starter.StandardOutput.ReadLineAsync(cancellationToken), out int id))
        {
            throw new LaunchException($"Azurite could not be started from {dataFolder}: {(await errors).Trim()} Check that the folder is writable.");
        }

        Azurite azurite;
        try
        {
            azurite = new(Process.GetProcessById(id), dataFolder, Environment.ProcessId);
        }
        catch (Exception e) when (e is ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new LaunchException($"Azurite did not start on the ports {blobPort} and {queuePort}: {Output(log)}", e);
        }

        Stopwatch waited = Stopwatch.StartNew();
        while (!await AnswersAsync(blobPort) || !await AnswersAsync(queuePort))
        {
            if (azurite.process.HasExited || waited.Elapsed > StartLimit || cancellationToken.IsCancellationRequested)
            {
                await azurite.DisposeAsync();
                cancellationToken.ThrowIfCancellationRequested();
                throw new LaunchException($"Azurite did not start on the ports {blobPort} and {queuePort}: {Output(log)}");
            }

            await Task.Delay(100, CancellationToken.None);
        }

        return azurite;
    }

    /// <summary>Returns the Azurite that a killed launcher left running on this data folder, or null if there is none. The caller must stop it.</summary>
    public static Azurite? TakeOver(string dataFolder)
    {
        string file = Path.Combine(dataFolder, ProcessFile);
        int[] ids = File.Exists(file) ? [.. File.ReadAllText(file).Split(' ').Select(id => int.TryParse(id, out int value) ? value : 0)] : [];
        return ids is [> 0, > 0] && Running(ids[1]) is null && Running(ids[0]) is { ProcessName: "node" } left ? new(left, dataFolder, Environment.ProcessId) : null;
    }

    /// <summary>Keeps Azurite running when this object is disposed, until its process is stopped by other means.</summary>
    public void LeaveRunning()
    {
        isLeftRunning = true;
        File.WriteAllText(Path.Combine(dataFolder, ProcessFile), $"{process.Id} 0");
    }

    /// <summary>
    /// Returns a free port that is reserved for this process until it ends. Binding port 0 to find a free port is safe only if the port is used at once;
    /// otherwise the system may assign it to another connection or process. Therefore the port is chosen below the ephemeral range, and a locked file reserves
    /// it among all processes of this user.
    /// </summary>
    /// <exception cref="LaunchException">No port is free.</exception>
    public static int FreePort()
    {
        const int first = 20_000, ports = 12_000;
        string folder = Directory.CreateDirectory(Path.Combine(Path.GetTempPath(), $"lentigo-ports-{Environment.UserName}")).FullName;
        int start = Random.Shared.Next(ports);
        for (int i = 0; i < ports; i++)
        {
            int port = first + ((start + i) % ports);
            if (TryReserve(Path.Combine(folder, $"{port}"), port))
            {
                return port;
            }
        }

        throw new LaunchException($"None of the ports from {first} to {first + ports - 1} is free. Stop the programs that listen on them.");
    }

    /// <summary>Stops Azurite and waits until it has written all acknowledged data to disk, which it buffers in memory for seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!isLeftRunning && !process.HasExited)
        {
            if (OperatingSystem.IsWindows() || SendSignal(process.Id, Terminate) != 0)
            {
                process.Kill(); // Windows has no SIGTERM
            }

            using CancellationTokenSource limit = new(StopLimit);
            try
            {
                await process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                process.Kill();
            }

            File.Delete(Path.Combine(dataFolder, ProcessFile));
        }

        process.Dispose();
    }

    /// <summary>Installs Azurite if it is missing in node_modules, without a time limit for the download.</summary>
    /// <param name="root">The folder of package.json.</param>
    /// <param name="say">Receives progress messages.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <returns>The path of Azurite's script for Node.js.</returns>
    /// <exception cref="LaunchException">npm is missing or fails.</exception>
    public static async Task<string> InstallAsync(string root, Action<string> say, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(say);
        string script = Path.Combine(root, "node_modules", "azurite", "dist", "src", "azurite.js");
        if (IsInstalled(root, script))
        {
            return script;
        }

        using FileStream turn = await TakeTurnAsync(Path.Combine(root, ".azurite.lock"), cancellationToken);
        if (IsInstalled(root, script))
        {
            return script;
        }

        say("Installing Azurite, the local storage account (npm ci, once)...");
        ProcessStartInfo start = new(OperatingSystem.IsWindows() ? "npm.cmd" : "npm")
        {
            WorkingDirectory = root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList = { "ci", "--no-audit", "--no-fund" },
        };
        using Process npm = Run(start);
        Task<string> errors = npm.StandardError.ReadToEndAsync(cancellationToken), output = npm.StandardOutput.ReadToEndAsync(cancellationToken);
        Stopwatch waited = Stopwatch.StartNew();
        Task ended = npm.WaitForExitAsync(cancellationToken);
        while (await Task.WhenAny(ended, Task.Delay(InstallNotice, cancellationToken)) != ended)
        {
            cancellationToken.ThrowIfCancellationRequested();
            say($"Installing Azurite: {waited.Elapsed.TotalSeconds:0} s...");
        }

        await output;
        if (npm.ExitCode != 0 || !IsInstalled(root, script))
        {
            throw new LaunchException($"'npm ci' in {root} failed with exit code {npm.ExitCode}: {(await errors).Trim()}");
        }

        return script;
    }

    /// <summary>
    /// npm writes its lock file into node_modules last. The script without the lock file may belong to an installation that is in progress or was interrupted.
    /// </summary>
    private static bool IsInstalled(string root, string script) => File.Exists(Path.Combine(root, "node_modules", ".package-lock.json")) && File.Exists(script);

    /// <summary>Acquires a lock, so that two apps that start at the same time do not install into the same folder concurrently.</summary>
    private static async Task<FileStream> TakeTurnAsync(string path, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            }
            catch (IOException)
            {
                await Task.Delay(250, cancellationToken);
            }
        }
    }

    private static Process Run(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new LaunchException($"{start.FileName} could not be started.");
        }
        catch (Win32Exception e)
        {
            throw new LaunchException(
                $"'{start.FileName}' could not be started ({e.Message}). Install Node.js 20 or later, which runs Azurite, the local storage account; or set AzureWebJobsStorage to an existing storage account.", e);
        }
    }

    private static bool TryReserve(string lockFile, int port)
    {
        FileStream? reservation = null;
        try
        {
            reservation = new(lockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            using TcpListener listener = new(IPAddress.Loopback, port);
            listener.Start();
            ReservedPorts.Add(reservation); // holds the lock until this process ends
            return true;
        }
        catch (Exception e) when (e is SocketException or IOException)
        {
            reservation?.Dispose();
            return false;
        }
    }

    private static Process? Running(int id)
    {
        try
        {
            return Process.GetProcessById(id) is { HasExited: false } running ? running : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    private static string Output(string log) => File.Exists(log) && File.ReadAllText(log).Trim() is { Length: > 0 } text ? text : "it produced no output.";

    private const int Terminate = 15;

    [DllImport("libc", EntryPoint = "kill"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
