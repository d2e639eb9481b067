using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lentigo.Functions.Local.Development;

/// <summary>A running Azurite, the local storage account, from the npm package that package.json pins.</summary>
public sealed class Azurite : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);
    private static int portsTaken;
    private readonly Process process;
    private readonly StringBuilder output = new();

    private Azurite(Process process) => this.process = process;

    /// <summary>The connection string of an Azurite on other ports than its own; account and key are the published ones of the emulator.</summary>
    public static string ConnectionString(int blobPort, int queuePort) =>
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;"
        + "AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;"
        + $"BlobEndpoint=http://127.0.0.1:{blobPort}/devstoreaccount1;QueueEndpoint=http://127.0.0.1:{queuePort}/devstoreaccount1;";

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
    /// <exception cref="LocalSetupException">Node.js is missing, or Azurite does not start.</exception>
    public static async Task<Azurite> StartAsync(string root, string dataFolder, int blobPort, int queuePort, Action<string> say, CancellationToken cancellationToken)
    {
        string script = await InstallAsync(root, say, cancellationToken);
        Directory.CreateDirectory(dataFolder);
        ProcessStartInfo start = new("node")
        {
            WorkingDirectory = root,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                script,
                "--location", dataFolder, "--silent", "--skipApiVersionCheck", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--blobPort", $"{blobPort}",
                "--queueHost", "127.0.0.1", "--queuePort", $"{queuePort}",
                "--tableHost", "127.0.0.1", "--tablePort", "0", // any: it starts a table service too, which nobody here uses
            },
        };
        Azurite azurite = new(Run(start));
        azurite.process.OutputDataReceived += azurite.Keep;
        azurite.process.ErrorDataReceived += azurite.Keep;
        azurite.process.BeginOutputReadLine();
        azurite.process.BeginErrorReadLine();
        Stopwatch waited = Stopwatch.StartNew();
        while (!await AnswersAsync(blobPort) || !await AnswersAsync(queuePort))
        {
            if (azurite.process.HasExited || waited.Elapsed > StartLimit || cancellationToken.IsCancellationRequested)
            {
                await azurite.DisposeAsync();
                cancellationToken.ThrowIfCancellationRequested();
                throw new LocalSetupException($"Azurite did not start on the ports {blobPort} and {queuePort}: {azurite.Said()}");
            }

            await Task.Delay(100, CancellationToken.None);
        }

        return azurite;
    }

    /// <summary>
    /// A port that nothing listens on. Port 0's answer would do only if it were bound at once: until then the system may give the same port
    /// to a connection or to another process. So it comes from below the range of ports that systems give away, and from a block of this process.
    /// </summary>
    public static int FreePort()
    {
        const int first = 20_000, blocks = 240, ports = 50;
        for (int attempt = 0; attempt < ports; attempt++)
        {
            int port = first + (Environment.ProcessId % blocks * ports) + (Interlocked.Increment(ref portsTaken) % ports);
            try
            {
                using TcpListener listener = new(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // taken: the next one
            }
        }

        throw new LocalSetupException($"None of {ports} ports from {first + (Environment.ProcessId % blocks * ports)} is free.");
    }

    /// <summary>Stops it.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }
        catch (InvalidOperationException)
        {
            // it ended by itself
        }

        process.Dispose();
    }

    /// <summary>Installs Azurite where node_modules lacks it, however long the download takes.</summary>
    /// <param name="root">The folder of package.json.</param>
    /// <param name="say">Is told what takes a while.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The program that Node.js runs.</returns>
    /// <exception cref="LocalSetupException">npm is missing or fails.</exception>
    public static async Task<string> InstallAsync(string root, Action<string> say, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(say);
        string script = Path.Combine(root, "node_modules", "azurite", "dist", "src", "azurite.js");
        if (File.Exists(script))
        {
            return script;
        }

        using FileStream turn = await TakeTurnAsync(Path.Combine(root, ".azurite.lock"), cancellationToken);
        if (File.Exists(script))
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
        Task<string> errors = npm.StandardError.ReadToEndAsync(cancellationToken);
        await npm.StandardOutput.ReadToEndAsync(cancellationToken);
        await npm.WaitForExitAsync(cancellationToken);
        if (npm.ExitCode != 0 || !File.Exists(script))
        {
            throw new LocalSetupException($"'npm ci' in {root} failed with exit code {npm.ExitCode}: {(await errors).Trim()}");
        }

        return script;
    }

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
            return Process.Start(start) ?? throw new LocalSetupException($"{start.FileName} could not be started.");
        }
        catch (Win32Exception e)
        {
            throw new LocalSetupException(
                $"'{start.FileName}' could not be started ({e.Message}). Install Node.js 20 or later, which runs Azurite, the local storage account; or let the setting AzureWebJobsStorage name a storage account that runs already.", e);
        }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (output)
        {
            if (line.Data is not null && output.Length < 10_000)
            {
                output.AppendLine(line.Data);
            }
        }
    }

    private string Said()
    {
        lock (output)
        {
            return output.Length > 0 ? output.ToString().Trim() : "it said nothing.";
        }
    }
}
