using System.Diagnostics;
using System.Globalization;
using Azure.Storage.Blobs;
using Lentigo.Bench;
using Lentigo.Functions.Local;
using Lentigo.Functions.Local.Setup;
using Lentigo.Functions.Local.Worker;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging.Abstractions;
using NetVips;

// What the launcher costs, beside the same worker called directly: the FunctionRpc message and the HTTP request sent by this program.
//   dotnet run --project bench/launcher -c Release [-- image.jpg]
const int Starts = 5, Drops = 15, Turns = 5, Connections = 16;
TimeSpan turn = TimeSpan.FromSeconds(5);
string output = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..")), configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
string app = Path.Combine(output, "Lentigo.Functions", configuration), launcherProgram = Path.Combine(output, "Lentigo.Functions.Local", configuration, "Lentigo.Functions.Local.dll");
byte[] image = args.Length > 0 ? await File.ReadAllBytesAsync(args[0]) : Drawn();
string root = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(root, "package-lock.json")))
{
    root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("Run this in a checkout of the repository.");
}

string data = Directory.CreateTempSubdirectory("lentigo-launcher-bench-").FullName;
int blobPort = Azurite.FreePort(), queuePort = Azurite.FreePort(), port = Azurite.FreePort();
string storage = Azurite.ConnectionString(blobPort, queuePort);
Dictionary<string, string> environment = new()
{
    ["AzureWebJobsStorage"] = storage,
    ["Launcher__LocalHttpPort"] = $"{port}",
    ["Lentigo__CacheFolder"] = Path.Combine(data, "models"),
};
await using Azurite azurite = await Azurite.StartAsync(root, data, blobPort, queuePort, Console.WriteLine, CancellationToken.None);
using HttpClient client = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new($"http://localhost:{port}/") };

// Start to first answer; the first start publishes the model and is not counted.
List<double> starts = [];
Process launcher = await StartAsync();
for (int i = 0; i < Starts; i++)
{
    await StopAsync(launcher);
    Stopwatch started = Stopwatch.StartNew();
    launcher = await StartAsync();
    starts.Add(started.Elapsed.TotalSeconds);
}

Print($"start to first prediction: median {Timing.Median(starts):f2} s of {Starts}, longest {starts.Max():f2} s");

// Idle blob to result.
BlobServiceClient blobs = new(storage);
List<double> answers = [];
for (int i = 0; i < Drops; i++)
{
    await Task.Delay(TimeSpan.FromSeconds(2 + 2 * Random.Shared.NextDouble()));
    Stopwatch dropped = Stopwatch.StartNew();
    await blobs.GetBlobContainerClient("lesions").GetBlobClient($"{i}.jpg").UploadAsync(BinaryData.FromBytes(image), overwrite: true);
    while (!await blobs.GetBlobContainerClient("results").GetBlobClient($"{i}.jpg.json").ExistsAsync())
    {
        await Task.Delay(20);
    }

    answers.Add(dropped.Elapsed.TotalSeconds);
}

Print($"idle blob to result: median {Timing.Median(answers):f2} s of {Drops}, longest {answers.Max():f2} s");

// Throughput, in turns.
FunctionRpcService service = new();
await using WebApplication rpc = Launcher.BuildRpcServer(service, NullLoggerFactory.Instance);
await rpc.StartAsync();
await using FunctionsWorker worker = new(app, environment, Launcher.EndpointOf(rpc), functionTimeout: null, NullLoggerFactory.Instance);
service.Accept = worker.Accept;
IReadOnlyList<AppFunction> functions = await worker.StartAsync(CancellationToken.None);
foreach ((string name, string path, byte[]? body) in ((string, string, byte[]?)[])[("predict", "api/predict", image), ("health", "api/health", null)])
{
    AppFunction function = functions.Single(f => f.Name == name);
    Func<Task>[] peers = [() => CallAsync(path, body), () => CallDirectlyAsync(function, path, body)];
    List<double> launched = [], direct = [];
    for (int i = -1; i < Turns; i++)
    {
        double through = await RateAsync(peers[0]), straight = await RateAsync(peers[1]);
        if (i >= 0) // the first turn warms up
        {
            launched.Add(through);
            direct.Add(straight);
        }
    }

    double ratio = Timing.Median([.. launched.Zip(direct, (l, d) => l / d)]);
    Print($"{path}, {Connections} connections, body {(body?.Length ?? 0) / 1000} kB: {Timing.Median(launched):f0} calls/s through the launcher, {Timing.Median(direct):f0} to the worker directly, ratio {ratio:f2} (median of {Turns} turns)");
}

await StopAsync(launcher);
return;

void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

async Task<Process> StartAsync()
{
    ProcessStartInfo start = new("dotnet") { ArgumentList = { launcherProgram, "--app", app }, RedirectStandardOutput = true };
    foreach ((string name, string value) in environment)
    {
        start.Environment[name] = value;
    }

    Process process = Process.Start(start)!;
    process.OutputDataReceived += (_, _) => { };
    process.BeginOutputReadLine();
    while (true)
    {
        try
        {
            await CallAsync("api/predict", image);
            return process;
        }
        catch (HttpRequestException) when (!process.HasExited)
        {
            await Task.Delay(20); // not listening yet, or no model yet
        }
    }
}

async Task StopAsync(Process process)
{
    using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
    await process.WaitForExitAsync();
    process.Dispose();
}

async Task CallAsync(string path, byte[]? body)
{
    using HttpRequestMessage request = new(body is null ? HttpMethod.Get : HttpMethod.Post, path) { Content = body is null ? null : new ByteArrayContent(body) };
    using HttpResponseMessage response = await client.SendAsync(request);
    response.EnsureSuccessStatusCode();
}

async Task CallDirectlyAsync(AppFunction function, string path, byte[]? body)
{
    WorkerConnection connection = worker.Current!;
    InvocationRequest invocation = new()
    {
        InvocationId = Guid.NewGuid().ToString(),
        InputData = { new ParameterBinding { Name = function.TriggerParameter, Data = new() { Http = new() } } },
    };
    Task invoked = worker.InvokeAsync(connection, function, invocation, CancellationToken.None);
    using HttpRequestMessage request = new(body is null ? HttpMethod.Get : HttpMethod.Post, new Uri(new Uri(connection.HttpEndpoint!), path)) { Content = body is null ? null : new ByteArrayContent(body) };
    request.Headers.Add("x-ms-invocation-id", invocation.InvocationId);
    using HttpResponseMessage response = await client.SendAsync(request);
    response.EnsureSuccessStatusCode();
    await invoked;
}

async Task<double> RateAsync(Func<Task> call)
{
    long calls = 0;
    Stopwatch time = Stopwatch.StartNew();
    await Task.WhenAll(Enumerable.Range(0, Connections).Select(async _ =>
    {
        while (time.Elapsed < turn)
        {
            await call();
            Interlocked.Increment(ref calls);
        }
    }));
    return calls / time.Elapsed.TotalSeconds;
}

// A picture of the size that dermatoscopes send, about 320 kB.
static byte[] Drawn()
{
    using Image noise = Image.Gaussnoise(600, 450, sigma: 26, mean: 150, seed: 1);
    using Image rgb = noise.Bandjoin(noise, noise).Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    return rgb.JpegsaveBuffer(q: 96);
}
