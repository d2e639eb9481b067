using System.Diagnostics;
using System.Net;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Images with changed bytes. LENTIGO_FUZZ sets how many, LENTIGO_SEED which; the default is few.</summary>
public sealed class FuzzTests(SharedApp shared)
{
    private static readonly int Bodies = LongRuns.Number("LENTIGO_FUZZ", 300, 100_000);
    private static readonly int Seed = int.TryParse(Environment.GetEnvironmentVariable("LENTIGO_SEED"), out int seed) ? seed : Random.Shared.Next();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_image_with_changed_bytes_is_classified_or_refused_in_words_and_never_an_error_of_the_service()
    {
        byte[][] whole = [.. new[] { "jpg", "png", "webp", "tif" }.Select(LesionFiles.Small)];
        Dictionary<int, int> statuses = [];
        double slowest = 0;
        double memory = shared.App.Held().Memory;
        await Parallel.ForEachAsync(Enumerable.Range(0, Bodies), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Cancellation }, async (i, stop) =>
        {
            byte[] file = Change(whole[i % whole.Length], new Random(HashCode.Combine(Seed, i)));
            using ByteArrayContent body = new(file);
            long sent = Stopwatch.GetTimestamp();
            using HttpResponseMessage response = await shared.App.Client.PostAsync(new Uri("api/predict", UriKind.Relative), body, stop);
            string answer = await response.Content.ReadAsStringAsync(stop);
            double seconds = Stopwatch.GetElapsedTime(sent).TotalSeconds;
            if ((int)response.StatusCode >= 500)
            {
                Assert.Fail($"Seed {Seed}, body {i}: {response.StatusCode} {answer}. The end of the app's log:\n{shared.App.LogEnd}");
            }

            if (response.StatusCode == HttpStatusCode.OK)
            {
                Prediction prediction = JsonSerializer.Deserialize(answer, LentigoJson.Default.Prediction)!;
                Assert.Equal(1, prediction.Probabilities.Sum(p => p.Probability), 1e-4);
            }
            else
            {
                Assert.NotEmpty(JsonSerializer.Deserialize(answer, FunctionsJson.Default.Problem)!.Detail);
            }

            lock (statuses)
            {
                statuses[(int)response.StatusCode] = statuses.GetValueOrDefault((int)response.StatusCode) + 1;
                slowest = Math.Max(slowest, seconds);
            }
        });
        LongRuns.Report($"Seed {Seed}: {string.Join(", ", statuses.OrderBy(s => s.Key).Select(s => $"{s.Value} x {s.Key}"))}; the slowest answer took {slowest:f1} s; memory {memory:f0} MiB, then {shared.App.Held().Memory:f0} MiB");
        Assert.DoesNotContain("The worker, process", shared.App.Log, StringComparison.Ordinal); // it was not started again
        Assert.True(statuses.Count > 1); // some are still images, some are not
    }

    /// <summary>Some bytes changed, a part cut out, repeated or put elsewhere, or the end cut off.</summary>
    private static byte[] Change(byte[] whole, Random random)
    {
        List<byte> file = [.. whole];
        for (int changes = random.Next(1, 12); changes > 0 && file.Count > 64; changes--)
        {
            // Headers stand at the beginning: half of the changes are there.
            int at = random.Next(random.Next(2) == 0 ? Math.Min(file.Count, 600) : file.Count), length = Math.Min(random.Next(1, 48), file.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    file[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    file[at] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
                    break;
                case 2:
                    file.RemoveRange(at, length);
                    break;
                case 3:
                    file.InsertRange(at, file.GetRange(at, length));
                    break;
                case 4:
                    file.InsertRange(random.Next(file.Count), file.GetRange(at, length));
                    break;
                default:
                    if (random.Next(4) == 0)
                    {
                        file.RemoveRange(at, file.Count - at);
                    }

                    break;
            }
        }

        return [.. file];
    }
}
