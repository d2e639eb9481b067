using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Lentigo.Core.Predictions;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Good, bad and expensive requests together for a while, after which the app holds what it held before. LENTIGO_SOAK sets the seconds.</summary>
public sealed class SoakTests
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(LongRuns.Number("LENTIGO_SOAK", 8, 600));
    private static readonly Uri PredictRoute = new("api/predict", UriKind.Relative);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Mixed_load_is_answered_throughout_and_leaves_memory_and_handles_as_they_were()
    {
        await using RunningApp app = await RunningApp.StartAsync();
        byte[] good = LesionFiles.Jpeg(), expensive = LesionFiles.Large();
        string[] bad = [.. LesionFiles.Bad.Select(b => b.Data.Item1)];
        Prediction expected = await app.PredictAsync(good);
        await LoadAsync(Duration / 4);
        (double memoryBefore, int handlesBefore) = await RestAsync();
        int[] answered = await LoadAsync(Duration);
        (double memory, int handles) = await RestAsync();
        LongRuns.Report($"{Duration.TotalSeconds:0} s: {answered[0]} good, {answered[1]} bad, {answered[2]} large images answered, {answered[3]} senders left half-way; memory {memoryBefore:f0} MiB, then {memory:f0} MiB; handles {handlesBefore}, then {handles}");
        Assert.All(answered, count => Assert.True(count > 0));
        Assert.InRange(memory, 0, 1.1 * memoryBefore + (LongRuns.Asked ? 20 : 150)); // the collector takes its time
        Assert.InRange(handles, 0, handlesBefore + 30);
        Assert.DoesNotContain("The worker, process", app.Log, StringComparison.Ordinal); // it was not started again

        async Task<(double Memory, int Handles)> RestAsync()
        {
            await Task.Delay(TimeSpan.FromSeconds(LongRuns.Asked ? 30 : 2), Cancellation);
            return app.Held();
        }

        async Task<int[]> LoadAsync(TimeSpan duration)
        {
            long started = Stopwatch.GetTimestamp();
            return await Task.WhenAll(
                Repeat(async _ => Api.AssertSame(expected.Probabilities, (await app.PredictAsync(good)).Probabilities)),
                Repeat(async i =>
                {
                    using HttpResponseMessage refused = await PostAsync(LesionFiles.BadContent(bad[i % bad.Length]));
                    Assert.InRange((int)refused.StatusCode, 400, 499);
                }),
                Repeat(async _ =>
                {
                    using HttpResponseMessage answer = await PostAsync(expensive);
                    Assert.Contains(answer.StatusCode, (HttpStatusCode[])[HttpStatusCode.OK, HttpStatusCode.UnprocessableEntity]);
                }),
                Repeat(LeaveAsync));

            async Task<int> Repeat(Func<int, Task> request)
            {
                int made = 0;
                for (; Stopwatch.GetElapsedTime(started) < duration; made++)
                {
                    await request(made);
                }

                return made;
            }
        }

        async Task<HttpResponseMessage> PostAsync(byte[] file)
        {
            using ByteArrayContent body = new(file);
            return await app.Client.PostAsync(PredictRoute, body, Cancellation);
        }

        async Task LeaveAsync(int i)
        {
            using TcpClient client = new();
            await client.ConnectAsync("localhost", app.Address.Port, Cancellation);
            string head = $"POST /api/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {good.Length}\r\n\r\n";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head), Cancellation);
            await client.GetStream().WriteAsync(good.AsMemory(0, i % good.Length), Cancellation);
            await Task.Delay(100, Cancellation);
        }
    }
}
