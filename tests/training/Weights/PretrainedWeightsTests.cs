using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Lentigo.Training.Commands;
using Lentigo.Training.Weights;

namespace Lentigo.Training.Tests.Weights;

public sealed class PretrainedWeightsTests : IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), $"lentigo-weights-{Guid.NewGuid():n}");
    private readonly HttpClient _http = new();

    public void Dispose()
    {
        _http.Dispose();
        if (Directory.Exists(_folder))
        {
            Directory.Delete(_folder, recursive: true);
        }
    }

    [Fact]
    public void Every_official_file_is_named_by_eight_digits_of_its_hash()
    {
        Assert.All(PretrainedWeights.All, w => Assert.Matches("^[0-9a-f]{8}$", w.HashPrefix));
        Assert.All(PretrainedWeights.All, w => Assert.Equal("https", w.Url.Scheme));
        Assert.Equal(PretrainedWeights.All.Count, PretrainedWeights.All.Select(w => w.Network).Distinct().Count());
    }

    [Fact]
    public async Task A_file_with_the_right_hash_is_kept_and_not_fetched_again()
    {
        byte[] file = new TorchSave().Begin().Floats("w", [1, 2], 2).End();
        using Server server = new(file);
        PretrainedWeights weights = new("test", server.Url($"test-{Hash(file)}.pth"));
        List<(long Done, long? Total)> progress = [];

        string path = await weights.DownloadAsync(_folder, _http, new Progress(progress), TestContext.Current.CancellationToken);
        string again = await weights.DownloadAsync(_folder, _http, null, TestContext.Current.CancellationToken);

        Assert.Equal(file, File.ReadAllBytes(path));
        Assert.Equal(path, again);
        Assert.Equal(1, server.Requests);
        Assert.Equal((file.Length, (long?)file.Length), progress[^1]);
        Assert.Equal([path], Directory.GetFiles(_folder));
        Assert.Equal(2, PthFile.Read(path)["w"].Count);
    }

    [Fact]
    public async Task A_file_with_another_hash_is_not_kept()
    {
        using Server server = new("not the weights"u8.ToArray());
        string message = await Refusal(new("test", server.Url("test-00000000.pth")));
        Assert.Contains("does not begin with 00000000", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_damaged_file_that_is_there_is_fetched_anew()
    {
        byte[] file = [1, 2, 3];
        using Server server = new(file);
        PretrainedWeights weights = new("test", server.Url($"test-{Hash(file)}.pth"));
        Directory.CreateDirectory(_folder);
        await File.WriteAllTextAsync(Path.Combine(_folder, weights.FileName), "half a file", TestContext.Current.CancellationToken);
        Assert.Equal(file, File.ReadAllBytes(await weights.DownloadAsync(_folder, _http, null, TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task An_answer_that_breaks_off_is_not_kept()
    {
        using Server server = new([1, 2, 3], promised: 100);
        Assert.Contains("could not be downloaded", await Refusal(new("test", server.Url("test-00000000.pth"))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_missing_file_is_told_with_the_servers_answer()
    {
        using Server server = new([], status: "404 Not Found");
        Assert.Contains("answered 404", await Refusal(new("test", server.Url("test-00000000.pth"))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Offline_the_message_says_what_to_do()
    {
        Uri nobody;
        using (Server server = new([]))
        {
            nobody = server.Url("test-00000000.pth"); // nobody answers there once the server is gone
        }

        WeightsFileException e = await Assert.ThrowsAsync<WeightsFileException>(
            () => new PretrainedWeights("test", nobody).DownloadAsync(_folder, _http, null, TestContext.Current.CancellationToken));
        Assert.Contains("Is this machine offline? Then download it elsewhere and copy it to", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_network_without_public_weights_is_a_usage_error()
    {
        Assert.Equal(2, await CommandLine.RunAsync(new() { WeightsCommand.Create() }, ["weights", "download", "vit_tiny", "--out", _folder]));
        Assert.False(Directory.Exists(_folder));
    }

    private async Task<string> Refusal(PretrainedWeights weights)
    {
        WeightsFileException e = await Assert.ThrowsAsync<WeightsFileException>(
            () => weights.DownloadAsync(_folder, _http, null, TestContext.Current.CancellationToken));
        Assert.Empty(Directory.GetFiles(_folder));
        return e.Message;
    }

    private static string Hash(byte[] file) => Convert.ToHexStringLower(SHA256.HashData(file))[..8];

    private sealed class Progress(List<(long, long?)> reports) : IProgress<(long, long?)>
    {
        public void Report((long, long?) value) => reports.Add(value);
    }

    /// <summary>A web server that gives one answer to everything.</summary>
    private sealed class Server : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private int _requests;

        public Server(byte[] body, int? promised = null, string status = "200 OK")
        {
            _listener.Start();
            _ = Task.Run(async () =>
            {
                while (true)
                {
                    using TcpClient client = await _listener.AcceptTcpClientAsync();
                    Interlocked.Increment(ref _requests);
                    NetworkStream stream = client.GetStream();
                    using StreamReader reader = new(stream, leaveOpen: true);
                    while (!string.IsNullOrEmpty(await reader.ReadLineAsync()))
                    {
                    }

                    await stream.WriteAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 {status}\r\nContent-Length: {promised ?? body.Length}\r\nConnection: "
                        + "close\r\n\r\n"));
                    await stream.WriteAsync(body);
                }
            });
        }

        public int Requests => _requests;

        public Uri Url(string file) => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/models/{file}");

        public void Dispose() => _listener.Dispose();
    }
}
