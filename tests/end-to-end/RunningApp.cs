using System.Diagnostics;
using System.Net;
using System.Text;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.EndToEnd.Tests;

/// <summary>The app as a process of its own, on ports and an Azurite of its own.</summary>
internal sealed class RunningApp : IAsyncDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-e2e-").FullName;
    private readonly StringBuilder log = new();
    private readonly Process process;

    private RunningApp(ProcessStartInfo start, Dictionary<string, string> settings)
    {
        int port = Azurite.FreePort();
        BlobPort = Azurite.FreePort();
        Address = new($"http://localhost:{port}/");
        StorageConnectionString = Azurite.ConnectionString(BlobPort, Azurite.FreePort());
        Dictionary<string, string> environment = new()
        {
            ["ASPNETCORE_URLS"] = Address.ToString(),
            ["AzureWebJobsStorage"] = StorageConnectionString,
            ["LocalRuntime__AzuriteFolder"] = Path.Combine(folder, "azurite"),
            ["Lentigo__CacheFolder"] = Path.Combine(folder, "models"),
            ["Lentigo__ModelPollInterval"] = "00:00:00.3",
        };
        foreach ((string key, string value) in environment.Concat(settings))
        {
            start.Environment[key] = value;
        }

        start.RedirectStandardOutput = start.RedirectStandardError = true;
        process = new() { StartInfo = start };
        process.OutputDataReceived += Keep;
        process.ErrorDataReceived += Keep;
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        Client = new() { BaseAddress = Address };
    }

    public Uri Address { get; }

    public int BlobPort { get; }

    public string StorageConnectionString { get; }

    public HttpClient Client { get; }

    public BlobServiceClient Blobs => new(StorageConnectionString);

    public QueueServiceClient Queues => new(StorageConnectionString, new QueueClientOptions { MessageEncoding = QueueMessageEncoding.Base64 });

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

    /// <summary>Starts the built app, and waits until it is healthy or, on demand, only until it answers.</summary>
    public static async Task<RunningApp> StartAsync(Dictionary<string, string>? settings = null, bool untilHealthy = true)
    {
        ProcessStartInfo start = new("dotnet") { ArgumentList = { Repository.AppProgram } };
        RunningApp app = new(start, settings ?? []);
        await app.UntilAnswersAsync(untilHealthy);
        return app;
    }

    /// <summary>Starts the app with the README's command; it is built already.</summary>
    public static async Task<RunningApp> StartAsReadmeSaysAsync()
    {
        ProcessStartInfo start = new("dotnet")
        {
            WorkingDirectory = Repository.Root,
            ArgumentList = { "run", "--project", "functions", "--no-build", "--configuration", Repository.Configuration },
        };
        RunningApp app = new(start, []);
        await app.UntilAnswersAsync(untilHealthy: true);
        return app;
    }

    /// <summary>Asks the app to stop, as a container's host does, and waits until it has.</summary>
    public async Task StopAsync()
    {
        using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(1));
        await process.WaitForExitAsync(limit.Token);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        process.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task UntilAnswersAsync(bool untilHealthy)
    {
        await Eventually.TrueAsync(AnswersAsync, () => $"the app to answer. Its log:\n{Log}");

        async Task<bool> AnswersAsync()
        {
            if (process.HasExited)
            {
                Assert.Fail($"The app ended with exit code {process.ExitCode}. Its log:\n{Log}");
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
