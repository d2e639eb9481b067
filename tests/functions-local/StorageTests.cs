using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;

namespace Lentigo.Functions.Local.Tests;

/// <summary>Blobs, queues and timers reach the worker, and what is cut off is done again.</summary>
public sealed class StorageTests : IAsyncLifetime
{
    private readonly AzuriteFixture azurite = new(); // a queue's messages must not go to another test's launcher

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => azurite.InitializeAsync();

    public ValueTask DisposeAsync() => azurite.DisposeAsync();

    [Fact]
    public async Task A_blob_is_given_once_with_its_name_and_after_a_restart_only_what_changed()
    {
        LauncherProcess.Settings settings = new() { HostId = "once", CallsFolder = Directory.CreateTempSubdirectory("lentigo-calls-").FullName };
        await UploadAsync("before/a.jpg", "1");
        await using (LauncherProcess first = await LauncherProcess.StartAsync(azurite, settings))
        {
            await UploadAsync("b c+ü.jpg", "1");
            await first.UntilCalledAsync(calls => calls.Length == 2);
            first.Signal("TERM");
            await first.UntilEndedAsync();
        }

        await UploadAsync("b c+ü.jpg", "2");
        await using LauncherProcess second = await LauncherProcess.StartAsync(azurite, settings);
        await second.UntilCalledAsync(calls => calls.Length >= 3);
        await Task.Delay(3000, Cancellation); // another scan
        Assert.Equal(["blob b c+ü.jpg=1", "blob b c+ü.jpg=2", "blob before/a.jpg=1"], second.Calls.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_blob_and_a_message_that_fail_are_tried_five_times_and_put_into_the_poison_queue()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, new() { HostJson = new { extensions = new { queues = new { maxPollingInterval = "00:00:00.2" } } } });
        await UploadAsync("bad", "fail");
        QueueClient work = azurite.Queues.GetQueueClient("work");
        await work.CreateIfNotExistsAsync(cancellationToken: Cancellation);
        await work.SendMessageAsync("fail", Cancellation);
        await launcher.UntilCalledAsync(calls => calls.Any(c => c.StartsWith("poison", StringComparison.Ordinal)) && calls.Count(c => c.StartsWith("message", StringComparison.Ordinal)) == 5);
        Assert.Equal(5, launcher.Calls.Count(c => c == "blob bad=fail"));
        Assert.Equal(["message fail, try 1", "message fail, try 2", "message fail, try 3", "message fail, try 4", "message fail, try 5"], launcher.Calls.Where(c => c.StartsWith("message", StringComparison.Ordinal)));
        JsonElement poison = JsonDocument.Parse(launcher.Calls.Single(c => c.StartsWith("poison", StringComparison.Ordinal))["poison ".Length..]).RootElement;
        Assert.Equal(("drops", "bad"), (poison.GetProperty("ContainerName").GetString(), poison.GetProperty("BlobName").GetString()));
    }

    [Fact]
    public async Task A_blob_whose_worker_dies_is_tried_again_and_a_stop_waits_for_the_one_that_runs()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite);
        await UploadAsync("long", "hold");
        await launcher.UntilCalledAsync(calls => calls is ["blob long=hold"]);
        launcher.KillWorker();
        await launcher.UntilCalledAsync(calls => calls is ["blob long=hold", "blob long=hold"]);
        launcher.Signal("TERM");
        await Task.Delay(500, Cancellation);
        launcher.Release();
        Assert.Equal(0, await launcher.UntilEndedAsync());
        Assert.Equal(["blob long=hold", "blob long=hold", "blob long=hold done"], launcher.Calls);
    }

    [Fact]
    public async Task A_timer_fires()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, new() { Environment = { ["AzureWebJobs.tick.Disabled"] = "false" } });
        await launcher.UntilCalledAsync(calls => calls.Count(c => c == "tick, past due: False") >= 2);
    }

    private async Task UploadAsync(string name, string content)
    {
        BlobContainerClient container = azurite.Blobs.GetBlobContainerClient("drops");
        await container.CreateIfNotExistsAsync(cancellationToken: Cancellation);
        await container.GetBlobClient(name).UploadAsync(BinaryData.FromString(content), overwrite: true, Cancellation);
    }
}
