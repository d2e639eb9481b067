using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.EndToEnd.Tests;

/// <summary>No image is lost, whatever dies. Short by default; LENTIGO_LONG=1 makes it long, and LENTIGO_DROPS sets how many images are dropped.</summary>
public sealed class CrashTests
{
    private static readonly int Drops = LongRuns.Number("LENTIGO_DROPS", 40, 2000);
    private static readonly int Kills = LongRuns.Asked ? 20 : Math.Max(2, Drops / 33), StorageRestarts = LongRuns.Asked ? 5 : 1;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_image_dropped_while_launcher_worker_and_storage_die_gets_the_answer_of_an_undisturbed_run()
    {
        await using RunningApp app = RunningApp.NotStarted();
        Azurite storage = await app.StartStorageAsync();
        try
        {
            await app.StartAgainAsync();
            byte[][] files = [.. Enumerable.Range(0, 8).Select(seed => LesionFiles.Jpeg(seed))];
            List<IReadOnlyList<ClassProbability>> undisturbed = [];
            foreach (byte[] file in files)
            {
                undisturbed.Add((await app.PredictAsync(file)).Probabilities);
            }

            Task<ETag[]> dropping = DropAsync(app, files);
            foreach (bool isStorage in Disturbances())
            {
                await Task.Delay(1500, Cancellation);
                if (isStorage)
                {
                    await storage.DisposeAsync();
                    await Task.Delay(1000, Cancellation);
                    storage = await app.StartStorageAsync();
                }
                else if (Random.Shared.Next(3) == 0)
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

            ETag[] dropped = await dropping;
            for (int i = 0; i < dropped.Length; i++)
            {
                LesionResult result = await app.ResultAsync(Name(i), dropped[i]);
                Assert.Equal(LesionResult.Classified, result.Status);
                Api.AssertSame(undisturbed[i % files.Length], result.Probabilities);
            }

            int results = 0;
            await foreach (BlobItem blob in app.Blobs.GetBlobContainerClient("results").GetBlobsAsync(cancellationToken: Cancellation))
            {
                results++;
            }

            Assert.Equal(Drops, results);
        }
        finally
        {
            await app.StopAsync();
            await storage.DisposeAsync();
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

    [Fact]
    public async Task Two_instances_on_one_account_give_each_image_one_answer_though_one_of_them_dies()
    {
        await using RunningApp app = RunningApp.NotStarted();
        await using Azurite storage = await app.StartStorageAsync();
        await app.StartAgainAsync();
        await using RunningApp other = await RunningApp.StartAsync(new() { ["AzureWebJobsStorage"] = app.StorageConnectionString });
        try
        {
            byte[][] files = [.. Enumerable.Range(0, 4).Select(seed => LesionFiles.Jpeg(seed))];
            List<IReadOnlyList<ClassProbability>> alone = [];
            foreach (byte[] file in files)
            {
                alone.Add((await other.PredictAsync(file)).Probabilities);
            }

            await DropAsync(app, [.. files.Reverse()]); // overwritten below, while they may be at work
            Task<ETag[]> dropping = DropAsync(app, files);
            await Task.Delay(500, Cancellation);
            app.Signal("KILL");
            ETag[] dropped = await dropping;
            for (int i = 0; i < dropped.Length; i++)
            {
                LesionResult result = await app.ResultAsync(Name(i), dropped[i]); // of their one account
                Assert.Equal(LesionResult.Classified, result.Status);
                Api.AssertSame(alone[i % files.Length], result.Probabilities);
            }
        }
        finally
        {
            await other.StopAsync(); // before its storage
        }
    }

    [Fact]
    public async Task Every_image_gets_its_answer_over_a_network_that_drops_delays_and_corrupts()
    {
        await using RunningApp stored = RunningApp.NotStarted();
        await using Azurite storage = await stored.StartStorageAsync();
        await using FaultyNetwork blobs = FaultyNetwork.To(stored.BlobPort), queues = FaultyNetwork.To(stored.QueuePort);
        await using RunningApp app = await RunningApp.StartAsync(new() { ["AzureWebJobsStorage"] = Azurite.ConnectionString(blobs.Port, queues.Port) });
        try
        {
            byte[][] files = [.. Enumerable.Range(0, 8).Select(seed => LesionFiles.Jpeg(seed))];
            List<IReadOnlyList<ClassProbability>> undisturbed = [];
            foreach (byte[] file in files)
            {
                undisturbed.Add((await app.PredictAsync(file)).Probabilities);
            }

            blobs.IsFaulty = queues.IsFaulty = true;
            ETag[] dropped = await DropAsync(stored, files);
            await Task.Delay(TimeSpan.FromSeconds(5), Cancellation);
            await Eventually.TrueAsync(() => Task.FromResult(blobs.Faults is { Drops: > 0, Delays: > 0, Corruptions: > 0 }), () => "faults of each kind");
            blobs.IsFaulty = queues.IsFaulty = false;
            LongRuns.Report($"Dropped, delayed, corrupted: {blobs.Faults} between app and blobs, {queues.Faults} between app and queues");
            for (int i = 0; i < dropped.Length; i++)
            {
                LesionResult result = await stored.ResultAsync(Name(i), dropped[i], app);
                Assert.Equal(LesionResult.Classified, result.Status);
                Api.AssertSame(undisturbed[i % files.Length], result.Probabilities);
            }
        }
        finally
        {
            await app.StopAsync(); // before its storage
        }
    }

    private static string Name(int i) => $"crash/{i}.jpg";

    /// <summary>What dies, in order: the storage where true, else launcher or worker.</summary>
    private static IEnumerable<bool> Disturbances()
    {
        for (int i = 1; i <= Kills + StorageRestarts; i++)
        {
            yield return i * StorageRestarts / (Kills + StorageRestarts) > (i - 1) * StorageRestarts / (Kills + StorageRestarts);
        }
    }

    /// <summary>Drops each image until that is acknowledged.</summary>
    private static async Task<ETag[]> DropAsync(RunningApp app, byte[][] files)
    {
        ETag[] dropped = new ETag[Drops];
        for (int i = 0; i < Drops; i++)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    try
                    {
                        dropped[i] = (await app.DropAsync(Name(i), files[i % files.Length])).ETag;
                        return true;
                    }
                    catch (Exception e) when (e is RequestFailedException or AggregateException)
                    {
                        return false;
                    }
                },
                () => $"storage to take {Name(i)}");
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
