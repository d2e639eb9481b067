using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lentigo.EndToEnd.Tests;

/// <summary>A TCP proxy on this machine that, while it is told to, delays, corrupts and drops what passes through it, or refuses calls in the server's name.</summary>
internal sealed class FaultyNetwork : IAsyncDisposable
{
    private static readonly byte[] Refusal =
        "HTTP/1.1 403 Forbidden\r\nx-ms-error-code: AuthorizationPermissionMismatch\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray();

    private const double DropShare = 0.03, DelayShare = 0.06, CorruptShare = 0.05;

    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly int target;
    private readonly Task accepting;
    private int drops, delays, corruptions;

    private FaultyNetwork(int target)
    {
        this.target = target;
        listener.Start();
        accepting = AcceptAsync();
    }

    /// <summary>Whether anything goes wrong at present.</summary>
    public bool IsFaulty { get; set; }

    /// <summary>How the calls begin that are answered with 403, such as <c>PUT /container/</c>; null for none.</summary>
    public string? Denied { get; set; }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    /// <summary>How often something was dropped, delayed and corrupted.</summary>
    public (int Drops, int Delays, int Corruptions) Faults => (drops, delays, corruptions);

    /// <summary>A proxy in front of a port of this machine.</summary>
    public static FaultyNetwork To(int port) => new(port);

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await accepting;
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> connections = [];
        try
        {
            while (true)
            {
                TcpClient client = await listener.AcceptTcpClientAsync(stopping.Token);
                connections.RemoveAll(c => c.IsCompleted);
                connections.Add(ForwardAsync(client));
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            await Task.WhenAll(connections);
        }
    }

    private async Task ForwardAsync(TcpClient client)
    {
        using TcpClient server = new();
        using (client)
        {
            try
            {
                await server.ConnectAsync(IPAddress.Loopback, target, stopping.Token);
                // When one direction ends, disposing of both sockets ends the other.
                await Task.WhenAny(PumpAsync(client, server, isAnswer: false), PumpAsync(server, client, isAnswer: true));
            }
            catch (Exception e) when (e is OperationCanceledException or SocketException)
            {
                // The storage is not there, or the test ends.
            }
        }
    }

    /// <summary>Forwards one direction. Only what the storage answers is corrupted: what it keeps is what the test compares with.</summary>
    private async Task PumpAsync(TcpClient from, TcpClient to, bool isAnswer)
    {
        byte[] buffer = new byte[16384];
        try
        {
            while (await from.GetStream().ReadAsync(buffer, stopping.Token) is > 0 and int count)
            {
                if (!isAnswer && Denied is { } denied && buffer.AsSpan(0, count).StartsWith(Encoding.ASCII.GetBytes(denied)))
                {
                    await from.GetStream().WriteAsync(Refusal, stopping.Token);
                    await Task.Delay(100, stopping.Token); // a connection that is closed at once may take the refusal with it
                    return;
                }

                if (IsFaulty && Random.Shared.NextDouble() < DropShare)
                {
                    Interlocked.Increment(ref drops);
                    return;
                }

                if (IsFaulty && Random.Shared.NextDouble() < DelayShare)
                {
                    Interlocked.Increment(ref delays);
                    await Task.Delay(Random.Shared.Next(50, 2000), stopping.Token);
                }

                if (IsFaulty && isAnswer && Random.Shared.NextDouble() < CorruptShare)
                {
                    Interlocked.Increment(ref corruptions);
                    buffer[Random.Shared.Next(count)] ^= (byte)(1 << Random.Shared.Next(8));
                }

                await to.GetStream().WriteAsync(buffer.AsMemory(0, count), stopping.Token);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException or InvalidOperationException)
        {
            // The other side is gone, or the test ends.
        }
    }
}
