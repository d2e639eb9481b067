using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Lentigo.Functions.Local.Setup;

/// <summary>A running Azurite, the local storage account, from the npm package that package.json pins.</summary>
public sealed class Azurite : IAsyncDisposable
{
    private const string ProcessFile = "azurite.pid";
    private const string LogFile = "azurite.log";

    /// <summary>Starts its arguments as a process of its own session, so that neither Ctrl+C nor the end of the launcher cuts it off, and prints its id.</summary>
    private const string StartDetached = """
        const { spawn } = require('child_process'), { openSync } = require('fs');
        const log = openSync(process.argv[1], 'w');
        const azurite = spawn(process.execPath, process.argv.slice(2), { detached: true, stdio: ['ignore', log, log] });
        console.log(azurite.pid);
        azurite.unref();
        """;

    /// <summary>Where the emulator's account is below its address.</summary>
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

    /// <summary>The id of its process.</summary>
    public int ProcessId => process.Id;

    /// <summary>The connection string of an Azurite on other ports than its own; account and key are the published ones of the emulator.</summary>
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

    /// <summary>Starts Azurite and waits until it answers; installs it first where node_modules lacks it.</summary>
    /// <param name="root">The folder of package.json.</param>
    /// <param name="dataFolder">Where it keeps its data.</param>
    /// <param name="blobPort">The blob service's port.</param>
    /// <param name="queuePort">The queue service's port.</param>
    /// <param name="say">Is told what takes a while.</param>
    /// <param name="cancellationToken">Gives up.</param>
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
            throw new LaunchException($"Azurite cannot keep its data in {dataFolder}: {e.Message} Let the setting Launcher__AzuriteFolder name a folder that can be written to.", e);
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
                "--tableHost", "127.0.0.1", "--tablePort", "0", // any: it starts a table service too, which nobody here uses
            },
        };
        using Process starter = Run(start);
        Task<string> errors = starter.StandardError.ReadToEndAsync(cancellationToken);
        if (!int.TryParse(await starter.StandardOutput.ReadLineAsync(cancellationToken), out int id))
        {
            throw new LaunchException($"Azurite could not be started from {dataFolder}: {(await errors).Trim()} Check that the folder can be written to.");
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

    /// <summary>The Azurite that a launcher which was killed left running with this data, to be stopped by the caller; null where none was.</summary>
    public static Azurite? TakeOver(string dataFolder)
    {
        string file = Path.Combine(dataFolder, ProcessFile);
        int[] ids = File.Exists(file) ? [.. File.ReadAllText(file).Split(' ').Select(id => int.TryParse(id, out int value) ? value : 0)] : [];
        return ids is [> 0, > 0] && Running(ids[1]) is null && Running(ids[0]) is { ProcessName: "node" } left ? new(left, dataFolder, Environment.ProcessId) : null;
    }

    /// <summary>Lets it run on when this is disposed, until somebody stops its process.</summary>
    public void LeaveRunning()
    {
        isLeftRunning = true;
        File.WriteAllText(Path.Combine(dataFolder, ProcessFile), $"{process.Id} 0");
    }

    /// <summary>
    /// A port that nothing listens on and that this process alone is given until it ends. Port 0's answer would do only if it were bound at once: until then
    /// the system may give the same port to a connection or to another process. So it comes from below the range of ports that systems give away, and a
    /// locked file reserves it among all processes of this user.
    /// </summary>
    /// <exception cref="LaunchException">None is free.</exception>
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

        throw new LaunchException($"None of the ports from {first} to {first + ports - 1} is free. End what listens on them.");
    }

    /// <summary>Stops it and waits until it has written all that it has acknowledged: it keeps its data in memory for seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!isLeftRunning && !process.HasExited)
        {
            if (OperatingSystem.IsWindows() || SendSignal(process.Id, Terminate) != 0)
            {
                process.Kill(); // Windows has no signal that asks
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

    /// <summary>Installs Azurite where node_modules lacks it, however long the download takes.</summary>
    /// <param name="root">The folder of package.json.</param>
    /// <param name="say">Is told what takes a while.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The program that Node.js runs.</returns>
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

    /// <summary>npm writes its own lock file into node_modules when all else is there: the script alone may belong to an installation under way, or to one that was cut off.</summary>
    private static bool IsInstalled(string root, string script) => File.Exists(Path.Combine(root, "node_modules", ".package-lock.json")) && File.Exists(script);

    /// <summary>Two apps that start at once must not install into one folder at once.</summary>
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
                $"'{start.FileName}' could not be started ({e.Message}). Install Node.js 20 or later, which runs Azurite, the local storage account; or let the setting AzureWebJobsStorage name a storage account that runs already.", e);
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
            ReservedPorts.Add(reservation); // which holds the lock until this process ends
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

    private static string Output(string log) => File.Exists(log) && File.ReadAllText(log).Trim() is { Length: > 0 } text ? text : "it wrote nothing.";

    private const int Terminate = 15;

    [DllImport("libc", EntryPoint = "kill"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);
}
