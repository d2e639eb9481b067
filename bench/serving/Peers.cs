using System.Diagnostics;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Functions.Local;
using Lentigo.Functions.Local.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lentigo.Bench.Serving;

/// <summary>A service that is measured.</summary>
/// <param name="Name">Its name in the table.</param>
/// <param name="Classify">Classifies an image; any other answer than a success throws.</param>
/// <param name="Process">Its processes; null for this one.</param>
internal sealed record Peer(string Name, Func<byte[], Task> Classify, ProcessTree? Process)
{
    public double CpuSeconds() => Process?.CpuSeconds() ?? Environment.CpuUsage.TotalTime.TotalSeconds;
}

/// <summary>Starts the peers.</summary>
internal sealed class Peers(string root, string graph, int size) : IAsyncDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);
    private readonly HttpClient client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromMinutes(2) };
    private readonly List<Process> processes = [];
    private readonly List<IAsyncDisposable> parts = [];

    /// <summary>Lentigo as <c>dotnet run --project functions</c> starts it.</summary>
    public async Task<Peer> LauncherAsync(string launcher, string app, IReadOnlyDictionary<string, string> settings, int port, byte[] image)
    {
        Process process = Start("dotnet", [launcher, "--app", app], root, settings);
        return await ReadyAsync(new("Lentigo, through the launcher", Post(port), new(process.Id)), image);
    }

    /// <summary>Lentigo's worker, told by this program what the host tells it.</summary>
    public async Task<Peer> WorkerAsync(string app, IReadOnlyDictionary<string, string> settings, byte[] image)
    {
        FunctionRpcService service = new();
        WebApplication rpc = Launcher.BuildRpcServer(service, NullLoggerFactory.Instance);
        parts.Add(rpc);
        await rpc.StartAsync();
        FunctionsWorker worker = new(app, settings, Launcher.EndpointOf(rpc), functionTimeout: null, NullLoggerFactory.Instance);
        parts.Add(worker);
        service.Accept = worker.Accept;
        AppFunction predict = (await worker.StartAsync(CancellationToken.None)).Single(f => f.Name == "predict");
        WorkerConnection connection = worker.Current!;
        Uri address = new(new Uri(connection.HttpEndpoint!), "api/predict");
        return await ReadyAsync(new("Lentigo, the worker alone", ClassifyAsync, ProcessTree.Child("Lentigo.Functions.dll")), image);

        async Task ClassifyAsync(byte[] file)
        {
            InvocationRequest invocation = new()
            {
                InvocationId = Guid.NewGuid().ToString(),
                InputData = { new ParameterBinding { Name = predict.TriggerParameter, Data = new() { Http = new() } } },
            };
            Task invoked = worker.InvokeAsync(connection, predict, invocation, CancellationToken.None);
            await SendAsync(address, file, invocation.InvocationId);
            await invoked;
        }
    }

    /// <summary>Node.js: express, sharp, onnxruntime-node. Null where npm cannot install them.</summary>
    public async Task<Peer?> NodeAsync(string folder, int port, byte[] image)
    {
        string peers = Path.Combine(AppContext.BaseDirectory, "peers");
        Directory.CreateDirectory(folder);
        foreach (string file in (string[])["package.json", "server.mjs"])
        {
            File.Copy(Path.Combine(peers, file), Path.Combine(folder, file), overwrite: true);
        }

        // Its CPU library is in the package; the script would fetch one for GPUs.
        using Process npm = Process.Start(new ProcessStartInfo("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]) { WorkingDirectory = folder })!;
        await npm.WaitForExitAsync();
        if (npm.ExitCode != 0)
        {
            return null;
        }

        Process process = Start("node", ["server.mjs", graph, $"{size}", $"{port}"], folder, new Dictionary<string, string>());
        return await ReadyAsync(new("Node.js: express, sharp, onnxruntime-node", Post(port), new(process.Id)), image);
    }

    /// <summary>Flask over PyTorch in two gunicorn workers. Null where Python lacks one of them.</summary>
    public async Task<Peer?> FlaskAsync(int port, byte[] image)
    {
        const string Python = "/usr/bin/python3"; // Debian's packages are this one's
        if (!File.Exists(Python))
        {
            return null;
        }

        using Process check = Process.Start(new ProcessStartInfo(Python, ["-c", "import flask, gunicorn, PIL, torch, torchvision"]) { RedirectStandardError = true })!;
        await check.WaitForExitAsync();
        if (check.ExitCode != 0)
        {
            return null;
        }

        Process process = Start(
            Python,
            ["-m", "gunicorn", "-w", $"{Environment.ProcessorCount}", "-b", $"127.0.0.1:{port}", "flask_app:app"],
            Path.Combine(AppContext.BaseDirectory, "peers"),
            new Dictionary<string, string> { ["OMP_NUM_THREADS"] = "1" });
        return await ReadyAsync(new("Flask, PyTorch, gunicorn", Post(port), new(process.Id)), image);
    }

    /// <summary>The limit: nothing but decoding and inference in batches, on a thread for each processor.</summary>
    public static Peer BareLoop(EnsembleModel model, int batch)
    {
        return new("the bare loop", file => Task.Run(() => model.Classify([.. Enumerable.Range(0, batch).Select(_ => model.Decode(file, new ImageLimits()))])), null);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable part in Enumerable.Reverse(parts))
        {
            await part.DisposeAsync();
        }

        foreach (Process process in processes)
        {
            using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            await process.WaitForExitAsync();
            process.Dispose();
        }

        client.Dispose();
    }

    private Func<byte[], Task> Post(int port)
    {
        Uri address = new($"http://127.0.0.1:{port}/api/predict");
        return file => SendAsync(address, file);
    }

    private async Task SendAsync(Uri address, byte[] file, string? invocation = null)
    {
        using HttpRequestMessage request = new(HttpMethod.Post, address) { Content = new ByteArrayContent(file) };
        request.Content.Headers.ContentType = new("image/jpeg");
        if (invocation is not null)
        {
            request.Headers.Add("x-ms-invocation-id", invocation);
        }

        using HttpResponseMessage response = await client.SendAsync(request);
        if (!response.IsSuccessStatusCode)
        {
            throw new HttpRequestException($"{address}: {response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        }

        await response.Content.ReadAsByteArrayAsync();
    }

    private Process Start(string program, string[] arguments, string folder, IReadOnlyDictionary<string, string> settings)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in settings)
        {
            start.Environment[name] = value;
        }

        Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        processes.Add(process);
        return process;
    }

    private static async Task<Peer> ReadyAsync(Peer peer, byte[] image)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); ;)
        {
            try
            {
                await peer.Classify(image);
                return peer;
            }
            catch (HttpRequestException) when (waited.Elapsed < StartLimit)
            {
                await Task.Delay(50); // not listening yet, or no model yet
            }
        }
    }
}
