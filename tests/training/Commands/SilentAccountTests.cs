using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Lentigo.Training.Tests.Commands;

/// <summary>What <c>publish</c> says to an account that takes connections and never answers.</summary>
[Collection(LentigoConsole.Processes)]
public sealed class SilentAccountTests
{
    [Fact]
    public async Task An_account_that_does_not_answer_is_named_within_15_seconds()
    {
        using TcpListener silent = new(IPAddress.Loopback, 0);
        silent.Start();
        int port = ((IPEndPoint)silent.LocalEndpoint).Port;
        Stopwatch clock = Stopwatch.StartNew();
        using LentigoConsole.Running publish =
            LentigoConsole.Start(new Dictionary<string, string>(), "publish", "--model", PublishTests.Model(), "--to", "models", "--connection",
            $"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:{port}/devstoreaccount1;");
        await publish.UntilItSaysAsync("Connecting to devstoreaccount1/models ..."); // before anything is waited for
        double start = clock.Elapsed.TotalSeconds;
        Assert.Equal(1, await publish.ExitCodeAsync());
        Assert.InRange(clock.Elapsed.TotalSeconds - start, 0, 15 + (2 * start)); // how long the start took tells how busy the machine is
        Assert.Contains("127.0.0.1 did not answer within 10 seconds. Check the account's name, the network and the account's firewall.", publish.Said,
            StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", publish.Said, StringComparison.Ordinal);
    }
}
