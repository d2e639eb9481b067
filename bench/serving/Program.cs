using System.Diagnostics;
using System.Globalization;
using Azure.Storage.Blobs;
using Lentigo.Bench;
using Lentigo.Bench.Serving;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Functions.Local.Setup;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Jpeg;
using SixLabors.ImageSharp.PixelFormats;

// Classified images a second, beside a Node.js and a Flask service and a bare loop, all in one run and in turn; a table in markdown.
//   dotnet run --project bench/serving -c Release [-- --model lentigo] [--seconds 4] [--rounds 3] [--connections 1,16,64] [--images 600x450,1872x1053,4000x3000] [--blobs 300] [--peers node,flask]
// The pair of the paper (64 px, float32, random weights) unless --model names one of models/. Linux, for it reads /proc.
Dictionary<string, string> asked = args.Chunk(2).ToDictionary(a => a[0].TrimStart('-'), a => a.Length > 1 ? a[1] : "");
string Option(string name, string otherwise) => asked.GetValueOrDefault(name, otherwise);
int[] connections = [.. Option("connections", "1,16,64").Split(',').Select(n => int.Parse(n, CultureInfo.InvariantCulture))];
(int Width, int Height)[] sizes = [.. Option("images", "600x450,1872x1053,4000x3000").Split(',').Select(s => s.Split('x')).Select(s => (int.Parse(s[0], CultureInfo.InvariantCulture), int.Parse(s[1], CultureInfo.InvariantCulture)))];
TimeSpan turn = TimeSpan.FromSeconds(double.Parse(Option("seconds", "4"), CultureInfo.InvariantCulture));
int rounds = int.Parse(Option("rounds", "3"), CultureInfo.InvariantCulture), blobs = int.Parse(Option("blobs", "300"), CultureInfo.InvariantCulture);
string modelName = Option("model", "pair");
string[] others = Option("peers", "node,flask").Split(',');

string output = Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..")), configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;
string app = Path.Combine(output, "Lentigo.Functions", configuration), launcher = Path.Combine(output, "Lentigo.Functions.Local", configuration, "Lentigo.Functions.Local.dll");
string root = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(root, "package-lock.json")))
{
    root = Path.GetDirectoryName(root) ?? throw new InvalidOperationException("Run this in a checkout of the repository.");
}

string data = Directory.CreateTempSubdirectory("lentigo-serving-bench-").FullName;
ModelPackage package = ModelPackage.Open(modelName == "pair" ? Packages.WritePair(Path.Combine(root, "models"), data) : Path.Combine(root, "models", modelName));
int blobPort = Azurite.FreePort(), queuePort = Azurite.FreePort(), port = Azurite.FreePort(), nodePort = Azurite.FreePort(), flaskPort = Azurite.FreePort();
string storage = Azurite.ConnectionString(blobPort, queuePort);
await using Azurite azurite = await Azurite.StartAsync(root, data, blobPort, queuePort, _ => { }, CancellationToken.None);
BlobContainerClient models = new(storage, "models");
await models.CreateIfNotExistsAsync();
await new BlobModelStore(models, data).PublishAsync(package, CancellationToken.None);

Dictionary<string, string> settings = new()
{
    ["AzureWebJobsStorage"] = storage,
    ["Launcher__LocalHttpPort"] = $"{port}",
    ["Lentigo__CacheFolder"] = Path.Combine(data, "cache"),
    ["Lentigo__Model"] = package.Manifest.Name,
    ["Lentigo__Suitability"] = "warn", // drawn images are no dermoscopy images
};
Dictionary<(int, int), byte[]> images = sizes.ToDictionary(s => s, s => Drawn(s.Width, s.Height));
byte[] first = images[sizes[0]];
await using Peers start = new(root, package.OnnxPath, package.Manifest.Input.Size);
using EnsembleModel bare = EnsembleModel.Load(package, new() { Device = InferenceDevice.Cpu, Threads = 1 });
List<Peer> peers = [await start.LauncherAsync(launcher, app, settings, port, first), await start.WorkerAsync(app, settings, first)];
if (others.Contains("node"))
{
    Add(await start.NodeAsync(Path.Combine(Path.GetTempPath(), "lentigo-serving-bench-node"), nodePort, first), "Node.js was not run: npm could not install the packages of bench/serving/peers.");
}

if (others.Contains("flask") && modelName == "pair")
{
    Add(await start.FlaskAsync(flaskPort, first), "Flask was not run: apt-get install python3-flask gunicorn python3-torch python3-torchvision python3-pil libopenblas0");
}

Print($"{package.Manifest.Name} {package.Manifest.Version}, {package.Manifest.Input.Size} px, {package.Manifest.Precision}; {Environment.ProcessorCount} processors; median of {rounds} turns of {turn.TotalSeconds} s; the callers share the machine with the service.");
Print($"");
Print($"| image | connections | service | images/s | of the bare loop | p50 ms | p95 ms | p99 ms | CPU ms an image | memory MB |");
Print($"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
foreach ((int width, int height) in sizes)
{
    byte[] image = images[(width, height)];
    foreach (int n in connections)
    {
        const int Batch = 8;
        Peer limit = Peers.BareLoop(bare, Batch);
        List<Measured> bareTurns = [];
        List<Measured>[] turns = [.. peers.Select(_ => new List<Measured>())];
        for (int round = -1; round < rounds; round++)
        {
            Measured loop = await Load.RunAsync(() => limit.Classify(image), Environment.ProcessorCount, turn, limit.CpuSeconds);
            for (int i = 0; i < peers.Count; i++)
            {
                Peer peer = peers[i];
                Measured own = await Load.RunAsync(() => peer.Classify(image), n, turn, peer.CpuSeconds);
                if (round >= 0) // the first turn warms up
                {
                    turns[i].Add(own);
                }
            }

            if (round >= 0)
            {
                bareTurns.Add(loop with { Rate = loop.Rate * Batch, CpuMilliseconds = loop.CpuMilliseconds / Batch });
            }
        }

        foreach ((Peer peer, List<Measured> own) in peers.Zip(turns))
        {
            double share = Timing.Median([.. own.Zip(bareTurns, (o, b) => o.Rate / b.Rate)]);
            Print($"| {width} x {height}, {image.Length / 1000} kB | {n} | {peer.Name} | {Middle(own, m => m.Rate):f1} | {share:p0} | {Middle(own, m => m.Percentile(50)):f0} | {Middle(own, m => m.Percentile(95)):f0} | {Middle(own, m => m.Percentile(99)):f0} | {Middle(own, m => m.CpuMilliseconds):f1} | {peer.Process!.Memory():f0} |");
        }

        Print($"| {width} x {height} | | the bare loop, batches of {Batch} | {Middle(bareTurns, m => m.Rate):f1} | | | | | {Middle(bareTurns, m => m.CpuMilliseconds):f1} | |");
    }
}

if (blobs > 0)
{
    await DropAsync(20, "warm"); // the first drop finds cold code and idle pollers
    Measured http = await Load.RunAsync(() => peers[0].Classify(first), 16, turn, peers[0].CpuSeconds);
    double cpu = peers[0].CpuSeconds(), storageCpu = new ProcessTree(azurite.ProcessId).CpuSeconds();
    double seconds = await DropAsync(blobs, "burst");
    Print($"");
    Print($"{blobs} images dropped at once: {blobs / seconds:f1} images/s, {blobs / seconds / http.Rate:p0} of {http.Rate:f1} images/s over HTTP on 16 connections; CPU ms an image: {1000 * (peers[0].CpuSeconds() - cpu) / blobs:f1} of Lentigo, {1000 * (new ProcessTree(azurite.ProcessId).CpuSeconds() - storageCpu) / blobs:f1} of the local storage server.");
}

return;

void Add(Peer? peer, string otherwise)
{
    if (peer is null)
    {
        Console.WriteLine(otherwise);
    }
    else
    {
        peers.Add(peer);
    }
}

double Middle(List<Measured> all, Func<Measured, double> value) => Timing.Median([.. all.Select(value)]);

void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

async Task<double> DropAsync(int count, string folder)
{
    BlobServiceClient client = new(storage);
    BlobContainerClient lesions = client.GetBlobContainerClient("lesions"), results = client.GetBlobContainerClient("results");
    Stopwatch time = Stopwatch.StartNew();
    await Parallel.ForEachAsync(Enumerable.Range(0, count), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, stop) =>
        await lesions.GetBlobClient($"{folder}/{i}.jpg").UploadAsync(BinaryData.FromBytes(first), overwrite: true, stop));
    while (await results.GetBlobsAsync(new Azure.Storage.Blobs.Models.GetBlobsOptions { Prefix = folder + "/" }).CountAsync() < count)
    {
        await Task.Delay(200);
    }

    return time.Elapsed.TotalSeconds;
}

// Skin with noise as sensors have it, about 320 kB at 600 x 450.
static byte[] Drawn(int width, int height)
{
    Random random = new(1);
    using Image<Rgb24> image = new(width, height);
    bool isPhoto = width > 1000;
    for (int y = 0; y < height; y++)
    {
        for (int x = 0; x < width; x++)
        {
            double u = (double)x / width - 0.5, v = (double)y / height - 0.5, spot = Math.Exp(-30 * (u * u + v * v)), noise = (isPhoto ? 10 : 90) * (random.NextDouble() - 0.5);
            image[x, y] = new(Level(215 - 120 * spot + noise), Level(170 - 110 * spot + noise), Level(150 - 90 * spot + noise));
        }
    }

    using MemoryStream file = new();
    image.Save(file, new JpegEncoder { Quality = isPhoto ? 90 : 95 });
    return file.ToArray();

    static byte Level(double value) => (byte)Math.Clamp(value, 0, 255);
}
