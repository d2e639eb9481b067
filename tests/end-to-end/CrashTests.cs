using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

/// <summary>No image is lost, whatever dies. LENTIGO_DROPS sets how many are dropped; the default is small.</summary>
public sealed class CrashTests
{
    private static readonly int Drops = int.TryParse(Environment.GetEnvironmentVariable("LENTIGO_DROPS"), out int set) ? set : 40;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_image_dropped_while_launcher_and_worker_are_killed_gets_the_answer_of_an_undisturbed_run()
    {
        await using RunningApp app = await RunningApp.StartAsync();
        byte[][] files = [.. Enumerable.Range(0, 8).Select(seed => LesionFiles.Jpeg(seed))];
        List<IReadOnlyList<ClassProbability>> undisturbed = [];
        foreach (byte[] file in files)
        {
            undisturbed.Add((await app.PredictAsync(file)).Probabilities);
        }

        Task<BlobContentInfo[]> dropping = DropAsync(app, files);
        for (int kill = 0; kill < Math.Max(2, Drops / 33); kill++)
        {
            await Task.Delay(1500, Cancellation);
            if (kill % 3 == 2)
            {
                app.KillWorker();
            }
            else
            {
                app.Signal("KILL");
                await Task.Delay(500, Cancellation);
                await app.StartAgainAsync();
            }
        }

        BlobContentInfo[] dropped = await dropping;
        for (int i = 0; i < dropped.Length; i++)
        {
            LesionResult result = await app.ResultAsync(Name(i), dropped[i].ETag);
            Assert.Equal(LesionResult.Classified, result.Status);
            Api.AssertSame(undisturbed[i % files.Length], result.Probabilities);
        }
    }

    [Fact]
    public async Task Nothing_acknowledged_is_lost_when_the_app_is_stopped_in_the_middle()
    {
        await using RunningApp app = await RunningApp.StartAsync();
        byte[] file = LesionFiles.Jpeg();
        Dictionary<string, string> acknowledged = [];
        for (int stop = 0; stop < Math.Max(2, Drops / 80); stop++)
        {
            using CancellationTokenSource stopped = new();
            Task dropping = DropUntilAsync(app, file, $"stop {stop}", acknowledged, stopped.Token);
            await Task.Delay(1000, Cancellation);
            await app.StopAsync(); // and its storage with it
            await stopped.CancelAsync();
            await dropping;
            await app.StartAgainAsync();
        }

        Assert.NotEmpty(acknowledged);
        foreach ((string name, string etag) in acknowledged)
        {
            Assert.Equal(LesionResult.Classified, (await app.ResultAsync(name, new(etag))).Status);
        }
    }

    private static string Name(int i) => $"crash/{i}.jpg";

    private static async Task<BlobContentInfo[]> DropAsync(RunningApp app, byte[][] files)
    {
        BlobContentInfo[] dropped = new BlobContentInfo[Drops];
        for (int i = 0; i < Drops; i++)
        {
            dropped[i] = await app.DropAsync(Name(i), files[i % files.Length]);
            await Task.Delay(30, Cancellation);
        }

        return dropped;
    }

    private static async Task DropUntilAsync(RunningApp app, byte[] file, string folder, Dictionary<string, string> acknowledged, CancellationToken stop)
    {
        BlobClientOptions once = new() { Retry = { MaxRetries = 0 } };
        BlobContainerClient lesions = new BlobServiceClient(app.StorageConnectionString, once).GetBlobContainerClient("lesions");
        for (int i = 0; !stop.IsCancellationRequested; i++)
        {
            try
            {
                string name = $"{folder}/{i}.jpg";
                BlobContentInfo uploaded = await lesions.UploadBlobAsync(name, BinaryData.FromBytes(file), Cancellation);
                acknowledged[name] = uploaded.ETag.ToString();
                await Task.Delay(10, Cancellation); // a hundred a second at most: each is classified later
            }
            catch (RequestFailedException)
            {
                await Task.Delay(50, Cancellation); // not acknowledged: the storage is stopping
            }
        }
    }
}
