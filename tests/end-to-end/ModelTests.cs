using System.Text.Json;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.EndToEnd.Tests;

public sealed class ModelTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_published_version_takes_over_while_requests_run_and_none_fails()
    {
        await using RunningApp app = await RunningApp.StartAsync();
        byte[] file = LesionFiles.Jpeg();
        using CancellationTokenSource stop = new();
        Task<int>[] clients = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(AskAsync, Cancellation))];
        List<double> memory = [];
        foreach (string version in Enumerable.Range(1, LongRuns.Number("LENTIGO_SWAPS", 3, 200)).Select(i => $"swap-{i}"))
        {
            await PackageCopy.PublishAsync(app, version);
            await Eventually.TrueAsync(async () => (await app.PredictAsync(file)).Model.Version == version, () => $"version {version}. The end of the app's log:\n{app.LogEnd}");
            memory.Add(app.Held().Memory);
        }

        await stop.CancelAsync();
        int[] answers = await Task.WhenAll(clients);
        Assert.All(answers, asked => Assert.True(asked > 0));
        LongRuns.Report($"{memory.Count} swaps, {answers.Sum()} answers, memory of the worker in MiB: {string.Join(' ', memory.Where((_, i) => i % Math.Max(1, memory.Count / 20) == 0).Select(m => $"{m:f0}"))}");
        if (memory.Count > 20)
        {
            Assert.InRange(memory.TakeLast(5).Order().ElementAt(2), 0, 1.1 * memory[9..15].Order().ElementAt(3)); // single readings swing with the collector
        }

        async Task<int> AskAsync()
        {
            int asked = 0;
            for (; !stop.IsCancellationRequested; asked++)
            {
                await app.PredictAsync(file);
            }

            return asked;
        }
    }

    [Fact]
    public async Task A_package_that_cannot_be_used_is_refused_and_the_old_one_serves_on()
    {
        await using RunningApp app = await RunningApp.StartAsync();
        byte[] file = LesionFiles.Jpeg();
        Prediction before = await app.PredictAsync(file);

        await PackageCopy.PublishAsync(app, "corrupt", damage: files => files[ModelManifest.OnnxFileName][^1] ^= 1);
        await RefusedAsync("is corrupt");
        ServiceHealth degraded = await app.HealthAsync();
        Assert.Equal((ServiceHealth.Degraded, before.Model, "corrupt"), (degraded.Status, degraded.Model, degraded.Refused?.Version));
        Assert.Contains("is corrupt", degraded.Refused!.Reason, StringComparison.Ordinal);
        using (JsonDocument model = JsonDocument.Parse(await app.Client.GetStringAsync(new Uri("api/model", UriKind.Relative), Cancellation)))
        {
            Assert.Equal((before.Model.Version, "corrupt"), (model.RootElement.GetProperty("version").GetString(), model.RootElement.GetProperty("refused").GetProperty("version").GetString()));
        }

        await PackageCopy.PublishAsync(app, "no-graph", damage: files => files.Remove(ModelManifest.OnnxFileName));
        await RefusedAsync("no blob lentigo-fast/no-graph/ensemble.onnx");
        await PackageCopy.PublishAsync(app, "no-manifest", damage: files => files[ModelManifest.FileName] = "{"u8.ToArray());
        await RefusedAsync("not a valid manifest");
        await PackageCopy.PointAsync(app, "../../etc");
        await RefusedAsync("not a plain file name");
        await PackageCopy.PointAsync(app, "absent");
        await RefusedAsync("no blob lentigo-fast/absent/manifest.json");

        Prediction after = await app.PredictAsync(file);
        Assert.Equal(before.Model, after.Model);
        Api.AssertSame(before.Probabilities, after.Probabilities);

        await PackageCopy.PublishAsync(app, "good");
        await Eventually.TrueAsync(async () => (await app.PredictAsync(file)).Model.Version == "good", () => $"the good version. The end of the app's log:\n{app.LogEnd}");
        ServiceHealth ready = await app.HealthAsync();
        Assert.Equal((ServiceHealth.Ready, null), (ready.Status, ready.Refused));
        Assert.Equal(2, app.Log.Split("is corrupt").Length); // once, though it was tried again and again

        Task RefusedAsync(string reason) => Eventually.TrueAsync(() => Task.FromResult(app.Log.Contains(reason, StringComparison.Ordinal)), () => $"'{reason}' in the end of the app's log:\n{app.LogEnd}");
    }

    [Fact]
    public async Task A_version_that_is_published_again_with_other_content_is_loaded()
    {
        await using RunningApp app = await RunningApp.StartAsync();
        await PackageCopy.PublishAsync(app, "again", change: manifest => manifest with { Licence = "the first" });
        await ServesAsync("the first");
        await PackageCopy.PublishAsync(app, "again", change: manifest => manifest with { Licence = "the second" });
        await ServesAsync("the second");
        Assert.Equal("again", (await app.PredictAsync(LesionFiles.Jpeg())).Model.Version);

        Task ServesAsync(string licence) => Eventually.TrueAsync(
            async () =>
            {
                string json = await app.Client.GetStringAsync(new Uri("api/model", UriKind.Relative), Cancellation);
                return JsonSerializer.Deserialize(json, FunctionsJson.Default.ModelManifest) is { Version: "again" } served && served.Licence == licence;
            },
            () => $"the content that was published last. The end of the app's log:\n{app.LogEnd}");
    }

    [Fact]
    public async Task Without_a_model_calls_are_told_so_and_dropped_images_wait_for_it()
    {
        await using RunningApp app = RunningApp.NotStarted();
        await using (await app.StartStorageAsync())
        {
            await app.Blobs.CreateBlobContainerAsync("models", cancellationToken: Cancellation);
            await PackageCopy.PointAsync(app, "1", name: "later"); // and no package there
        }

        await app.StartAgainAsync(new() { ["Lentigo__Model"] = "later" }, untilHealthy: false);
        using HttpContent body = Api.Body(LesionFiles.Jpeg());
        await Eventually.TrueAsync(async () => (await app.RefusedAsync(body)).Detail.Contains("no blob later/1/manifest.json", StringComparison.Ordinal), () => $"the reason. The end of the app's log:\n{app.LogEnd}");
        Problem problem = await app.RefusedAsync(body);
        Assert.Equal((503, "urn:lentigo:problem:no-model"), (problem.Status, problem.Type));

        BlobContentInfo dropped = await app.DropAsync("early.jpg", LesionFiles.Jpeg());
        await Task.Delay(TimeSpan.FromSeconds(3), Cancellation);
        Assert.Null(await app.ResultOrNullAsync("early.jpg"));

        await PackageCopy.PublishAsync(app, "1", name: "later");
        LesionResult result = await app.ResultAsync("early.jpg", dropped.ETag);
        Assert.Equal((LesionResult.Classified, "later"), (result.Status, result.Model?.Name));
    }

    [Fact]
    public async Task Images_dropped_while_the_app_was_down_are_answered_after_it_starts_and_azurite_stops_with_the_app()
    {
        await using RunningApp app = await RunningApp.StartAsync();
        Assert.True(await Azurite.AnswersAsync(app.BlobPort));
        await app.StopAsync();
        Assert.False(await Azurite.AnswersAsync(app.BlobPort));
        Assert.DoesNotContain("fail:", app.Log, StringComparison.Ordinal);
        BlobContentInfo dropped;
        await using (await app.StartStorageAsync())
        {
            dropped = await app.DropAsync("while-down.jpg", LesionFiles.Jpeg());
        }

        await app.StartAgainAsync();
        Assert.Equal(LesionResult.Classified, (await app.ResultAsync("while-down.jpg", dropped.ETag)).Status);
    }

    [Fact]
    public async Task A_wrong_setting_ends_the_start_with_its_name()
    {
        Xunit.Sdk.FailException failure = await Assert.ThrowsAsync<Xunit.Sdk.FailException>(() => RunningApp.StartAsync(new() { ["Lentigo__MaxImageBytes"] = "-5" }));
        Assert.Contains("exit code 1.", failure.Message, StringComparison.Ordinal);
        Assert.Contains("The setting Lentigo__MaxImageBytes -5 is not between", failure.Message, StringComparison.Ordinal);
    }
}
