using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.EndToEnd.Tests;

/// <summary>The app as a process of its own, on ports and an Azurite of its own.</summary>
internal sealed class RunningApp : IAsyncDisposable
{
    /// <summary>What an app serves that a test starts for itself: the small model, which is sooner published, loaded and computed.</summary>
    public const string Model = "lentigo-fast";

    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-e2e-").FullName;
    private readonly StringBuilder log = new();
    private readonly int port = Azurite.FreePort();
    private Dictionary<string, string> settings = [];
    private Process? started;

    private RunningApp()
    {
        Address = new($"http://localhost:{port}/");
        StorageConnectionString = Azurite.ConnectionString(BlobPort, QueuePort);
        Client = new() { BaseAddress = Address };
    }

    public Uri Address { get; }

    private Process Process => started ?? throw new InvalidOperationException("The app is not started.");

    public int BlobPort { get; } = Azurite.FreePort();

    public int QueuePort { get; } = Azurite.FreePort();

    public string StorageConnectionString { get; }

    public HttpClient Client { get; }

    public BlobServiceClient Blobs => new(StorageConnectionString);

    /// <summary>The queues, whose messages are sent as they are.</summary>
    public QueueServiceClient Queues => new(StorageConnectionString);

    public string Log
    {
        get
        {
            lock (log)
            {
                return log.ToString();
            }
        }
    }

    /// <summary>The last lines of the log, which tell why a wait was in vain.</summary>
    public string LogEnd => string.Join('\n', Log.Split('\n').TakeLast(80));

    /// <summary>An app that is still to be started, by <see cref="StartAgainAsync"/>.</summary>
    public static RunningApp NotStarted() => new();

    /// <summary>Starts the built app, and waits until it is healthy or, on demand, only until it answers.</summary>
    public static async Task<RunningApp> StartAsync(Dictionary<string, string>? settings = null, bool untilHealthy = true)
    {
        RunningApp app = new();
        await app.StartAgainAsync(settings, untilHealthy);
        return app;
    }

    /// <summary>Starts the app with the README's command; it is built already.</summary>
    public static async Task<RunningApp> StartAsReadmeSaysAsync()
    {
        RunningApp app = new();
        app.Start(new("dotnet") { WorkingDirectory = Repository.Root, ArgumentList = { "run", "--project", "functions", "--no-build", "--configuration", Repository.Configuration } }, []);
        await app.UntilAnswersAsync(untilHealthy: true);
        return app;
    }

    /// <summary>Starts the app once more, after it was stopped, on the same storage; without settings with those of the last time.</summary>
    public async Task StartAgainAsync(Dictionary<string, string>? settings = null, bool untilHealthy = true)
    {
        this.settings = settings ?? this.settings;
        Start(new("dotnet") { ArgumentList = { Repository.Launcher, "--app", Repository.AppFolder } }, new(this.settings) { ["Lentigo__Model"] = this.settings.GetValueOrDefault("Lentigo__Model", Model) });
        await UntilAnswersAsync(untilHealthy);
    }

    /// <summary>Starts the storage of the app alone.</summary>
    public Task<Azurite> StartStorageAsync() =>
        Azurite.StartAsync(Repository.Root, Path.Combine(folder, "azurite"), BlobPort, QueuePort, Console.WriteLine, TestContext.Current.CancellationToken);

    /// <summary>Asks the app to stop, as a container's host does, and waits until it has.</summary>
    public async Task StopAsync()
    {
        Signal("TERM");
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(2));
        await Process.WaitForExitAsync(limit.Token);
    }

    /// <summary>Sends a signal to the launcher.</summary>
    public void Signal(string signal)
    {
        using Process kill = Process.Start("kill", [$"-{signal}", $"{Process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>The worker's process, which the launcher started, which 'dotnet run' may have started.</summary>
    public Process Worker()
    {
        return Process.GetProcessById(FindWorker(Process.Id)
            ?? throw new InvalidOperationException($"There is no worker now. The end of the app's log:\n{LogEnd}"));
    }

    /// <summary>Kills the worker, if there is one now.</summary>
    public void KillWorker()
    {
        if (FindWorker(Process.Id) is { } id)
        {
            using Process worker = Process.GetProcessById(id);
            worker.Kill();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        try
        {
            if (started is { HasExited: false })
            {
                await StopAsync(); // killed, it would leave Azurite behind
            }
        }
        finally
        {
            started?.Kill(entireProcessTree: true);
            started?.Dispose();
        }

        Directory.Delete(folder, recursive: true);
    }

    private static int? FindWorker(int parent)
    {
        using Process find = Process.Start(new ProcessStartInfo("pgrep", ["-P", $"{parent}"]) { RedirectStandardOutput = true })!;
        string ids = find.StandardOutput.ReadToEnd();
        find.WaitForExit();
        foreach (int child in ids.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture)))
        {
            if (File.ReadAllText($"/proc/{child}/cmdline").Contains("Lentigo.Functions.dll", StringComparison.Ordinal))
            {
                return child;
            }

            if (FindWorker(child) is { } found)
            {
                return found;
            }
        }

        return null;
    }

    private void Start(ProcessStartInfo start, Dictionary<string, string> settings)
    {
        Dictionary<string, string> environment = new()
        {
            ["DOTNET_TieredPGO"] = "0", // code that measures itself to become faster later takes longer than a test lasts
            ["Launcher__LocalHttpPort"] = $"{port}",
            ["AzureWebJobsStorage"] = StorageConnectionString,
            ["Launcher__AzuriteFolder"] = Path.Combine(folder, "azurite"),
            ["Lentigo__CacheFolder"] = Path.Combine(folder, "models"),
            ["Lentigo__Suitability"] = "warn", // the tests' images are drawn
            ["Lentigo__ModelPollInterval"] = "00:00:00.3",
            ["Lentigo__ReconcileAfter"] = "00:00:05", // what the blob trigger missed is answered within a minute then, and not within two
        };
        foreach ((string key, string value) in environment.Concat(settings))
        {
            start.Environment[key] = value;
        }

        start.RedirectStandardOutput = start.RedirectStandardError = true;
        Process process = started = new() { StartInfo = start };
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    private async Task UntilAnswersAsync(bool untilHealthy)
    {
        await Eventually.TrueAsync(AnswersAsync, () => $"the app to answer. The end of its log:\n{LogEnd}");

        async Task<bool> AnswersAsync()
        {
            if (Process.HasExited)
            {
                Assert.Fail($"The app ended with exit code {Process.ExitCode}. The end of its log:\n{LogEnd}");
            }

            try
            {
                using HttpResponseMessage response = await Client.GetAsync(new Uri("api/health", UriKind.Relative), TestContext.Current.CancellationToken);
                return response.StatusCode == HttpStatusCode.OK || (!untilHealthy && response.StatusCode == HttpStatusCode.ServiceUnavailable);
            }
            catch (HttpRequestException)
            {
                return false;
            }
        }
    }

    private void Keep(object sender, DataReceivedEventArgs line)
    {
        lock (log)
        {
            log.AppendLine(line.Data);
        }
    }
}
