using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Lentigo.Training.Tests.Commands;

/// <summary>What <c>publish</c> says where there is nothing to publish to.</summary>
public sealed class PublishTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task An_account_that_does_not_answer_is_named_within_15_seconds()
    {
        using TcpListener silent = new(IPAddress.Loopback, 0);
        silent.Start();
        int port = ((IPEndPoint)silent.LocalEndpoint).Port;
        Stopwatch clock = Stopwatch.StartNew();
        var failed = await LentigoConsole.RunAsync("publish", "--model", Model(), "--to", "models", "--connection",
            $"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;");
        Assert.InRange(clock.Elapsed.TotalSeconds, 0, 15);
        Assert.Equal((1, $"127.0.0.1 did not answer within 10 seconds. Check the account's name, the network and the account's firewall."), (failed.ExitCode, failed.Error.Trim()));
        Assert.StartsWith("Connecting to devstoreaccount1/models ...", failed.Output, StringComparison.Ordinal); // before anything is waited for
    }

    [Fact]
    public async Task A_name_with_a_slash_and_no_connection_is_said_to_be_a_folder()
    {
        string to = _folder["models/production"];
        var published = await LentigoConsole.RunAsync("publish", "--model", Model(), "--to", to);
        Assert.True(published.ExitCode == 0, published.Error);
        Assert.StartsWith($"Writing to the folder {to}:", published.Output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(to, "lentigo-fast", "current.json")));
    }

    private static string Model([System.Runtime.CompilerServices.CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(path, "..", "..", "..", "..", "models", "lentigo-fast"));
}
