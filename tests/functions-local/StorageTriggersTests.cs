using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Local.Tests;

public sealed class StorageTriggersTests(AzuriteFixture azurite)
{
    private static readonly object Fast = new { extensions = new { blobs = new { maxDegreeOfParallelism = 2 }, queues = new { maxPollingInterval = "00:00:00.2" } } };

    [Fact]
    public async Task A_blob_that_is_there_or_comes_is_given_once_with_its_name()
    {
        await UploadAsync("once", "before/a.jpg", "1");
        Calls calls = new();
        await using LocalApp app = await StartAsync(typeof(Once), calls);
        await calls.UntilAsync(1);
        await UploadAsync("once", "b c+ü.jpg", "2");
        await calls.UntilAsync(2);
        await Task.Delay(1500, Cancellation); // two more scans
        Assert.Equal(["before/a.jpg=1", "b c+ü.jpg=2"], calls.Made);
    }

    [Fact]
    public async Task After_a_restart_only_what_changed_is_given()
    {
        Dictionary<string, string> sameHost = new() { ["AzureFunctionsWebHost__hostId"] = "restarted" };
        await UploadAsync("restart", "a", "1");
        await UploadAsync("restart", "b", "1");
        Calls first = new();
        await using (await StartAsync(typeof(Restart), first, sameHost))
        {
            await first.UntilAsync(2);
        }

        await UploadAsync("restart", "b", "2");
        Calls second = new();
        await using LocalApp app = await StartAsync(typeof(Restart), second, sameHost);
        await second.UntilAsync(1);
        await Task.Delay(1500, Cancellation);
        Assert.Equal(["b=2"], second.Made);
    }

    [Fact]
    public async Task A_blob_that_fails_five_times_goes_to_the_poison_queue_whose_function_is_started()
    {
        Calls calls = new() { Behave = (call, _) => call.StartsWith("bad", StringComparison.Ordinal) ? throw new InvalidOperationException("on purpose") : Task.CompletedTask };
        await using LocalApp app = await StartAsync(typeof(Failing), calls);
        await UploadAsync("failing", "bad", "1");
        string etag = (await azurite.Blobs.GetBlobContainerClient("failing").GetBlobClient("bad").GetPropertiesAsync(cancellationToken: Cancellation)).Value.ETag.ToString("H");
        await calls.UntilAsync(6);
        Assert.Equal(Enumerable.Repeat("bad=1", 5), calls.Made[..5]);
        JsonElement message = JsonDocument.Parse(calls.Made[5]).RootElement;
        Assert.Equal(
            ("BlobTrigger", "Host.Functions.failing", "failing", "bad", etag),
            (Text("Type"), Text("FunctionId"), Text("ContainerName"), Text("BlobName"), Text("ETag")));

        string? Text(string property) => message.GetProperty(property).GetString();
    }

    [Fact]
    public async Task No_more_blobs_are_worked_on_at_once_than_host_json_says()
    {
        int now = 0, most = 0;
        Calls calls = new();
        calls.Behave = async (_, cancellation) =>
        {
            int running = Interlocked.Increment(ref now);
            InterlockedMax(ref most, running);
            await Task.Delay(300, cancellation);
            Interlocked.Decrement(ref now);
        };
        for (int i = 0; i < 8; i++)
        {
            await UploadAsync("parallel", $"{i}", "x");
        }

        await using LocalApp app = await StartAsync(typeof(Parallel), calls);
        await calls.UntilAsync(8);
        Assert.Equal(2, most);
    }

    [Fact]
    public async Task Work_cut_off_by_a_stop_is_done_after_the_restart_and_costs_no_try()
    {
        Dictionary<string, string> sameHost = new() { ["AzureFunctionsWebHost__hostId"] = "stopped" };
        await UploadAsync("stopped", "a", "1");
        for (int start = 0; start < 6; start++)
        {
            Calls waiting = new() { Behave = (_, cancellation) => Task.Delay(Timeout.Infinite, cancellation) };
            await using LocalApp stopped = await StartAsync(typeof(Stopped), waiting, sameHost);
            await waiting.UntilAsync(1);
        }

        Calls calls = new();
        await using LocalApp app = await StartAsync(typeof(Stopped), calls, sameHost);
        await calls.UntilAsync(1);
        Assert.Equal("a=1", calls.Made[0]);
    }

    [Fact]
    public async Task A_blob_deleted_or_overwritten_before_its_turn_is_not_given_in_its_old_state()
    {
        BlobContainerClient container = azurite.Blobs.GetBlobContainerClient("changing");
        Calls calls = new();
        TaskCompletionSource release = new();
        calls.Behave = (_, _) => release.Task;
        await UploadAsync("changing", "1-blocks", "x");
        await UploadAsync("changing", "2-blocks", "x");
        await using LocalApp app = await StartAsync(typeof(Changing), calls);
        await calls.UntilAsync(2); // both places are taken
        await UploadAsync("changing", "gone", "x");
        await UploadAsync("changing", "new", "old");
        await Task.Delay(1500, Cancellation); // both are queued
        await container.DeleteBlobAsync("gone", cancellationToken: Cancellation);
        await UploadAsync("changing", "new", "new");
        release.SetResult();
        await calls.UntilAsync(3);
        await Task.Delay(1500, Cancellation);
        Assert.Equal(["new=new"], calls.Made[2..]);
    }

    [Fact]
    public async Task A_function_that_is_disabled_gets_nothing()
    {
        await UploadAsync("twins", "a", "1");
        Calls calls = new();
        await using LocalApp app = await StartAsync(typeof(Twins), calls, new() { ["AzureWebJobs.twin-two.Disabled"] = "1" });
        await calls.UntilAsync(1);
        await Task.Delay(1500, Cancellation);
        Assert.Equal(["one a=1"], calls.Made);
    }

    [Fact]
    public async Task A_queue_message_is_tried_five_times_and_then_put_aside()
    {
        Calls calls = new() { Behave = (call, _) => call == "bad" ? throw new InvalidOperationException("on purpose") : Task.CompletedTask };
        await using LocalApp app = await StartAsync(typeof(Queued), calls);
        QueueClient queue = azurite.Queues.GetQueueClient("work"), poison = azurite.Queues.GetQueueClient("work-poison");
        await queue.CreateIfNotExistsAsync(cancellationToken: Cancellation);
        await queue.SendMessageAsync("bad", Cancellation);
        await queue.SendMessageAsync("good", Cancellation);
        await Eventually.TrueAsync(async () => await poison.ExistsAsync(Cancellation) && (await poison.PeekMessagesAsync(cancellationToken: Cancellation)).Value.Length == 1, () => "the poison message");
        Assert.Equal(["bad", "bad", "bad", "bad", "bad", "good"], calls.Made.Order());
        PeekedMessage[] left = await queue.PeekMessagesAsync(cancellationToken: Cancellation);
        Assert.Empty(left);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; value > seen;)
        {
            seen = Interlocked.CompareExchange(ref target, value, seen) is var was && was == seen ? value : was;
        }
    }

    private Task<LocalApp> StartAsync(Type functions, Calls calls, Dictionary<string, string>? settings = null) =>
        LocalApp.StartAsync(azurite.ConnectionString, [functions], Fast, settings, calls);

    private async Task UploadAsync(string container, string blob, string content)
    {
        BlobContainerClient client = azurite.Blobs.GetBlobContainerClient(container);
        await client.CreateIfNotExistsAsync(cancellationToken: Cancellation);
        await client.GetBlobClient(blob).UploadAsync(BinaryData.FromString(content), overwrite: true, Cancellation);
    }

    private static async Task RecordAsync(Calls calls, BlobClient blob, string name, FunctionContext context, string by = "")
    {
        Assert.Equal(name, context.BindingContext.BindingData["name"]);
        BlobDownloadResult content = await blob.DownloadContentAsync(context.CancellationToken);
        await calls.MakeAsync($"{by}{name}={content.Content}", context.CancellationToken);
    }

    private sealed class Once(Calls calls)
    {
        [Function("once")]
        public Task RunAsync([BlobTrigger("once/{name}")] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context);
    }

    private sealed class Restart(Calls calls)
    {
        [Function("restart")]
        public Task RunAsync([BlobTrigger("restart/{name}")] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context);
    }

    private sealed class Failing(Calls calls)
    {
        [Function("failing")]
        public Task RunAsync([BlobTrigger("failing/{name}")] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context);

        [Function("report")]
        public Task ReportAsync([QueueTrigger("webjobs-blobtrigger-poison")] string message, CancellationToken cancellationToken) => calls.MakeAsync(message, cancellationToken);
    }

    private sealed class Parallel(Calls calls)
    {
        [Function("parallel")]
        public Task RunAsync([BlobTrigger("parallel/{name}")] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context);
    }

    private sealed class Stopped(Calls calls)
    {
        [Function("stopped")]
        public Task RunAsync([BlobTrigger("stopped/{name}")] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context);
    }

    private sealed class Changing(Calls calls)
    {
        [Function("changing")]
        public Task RunAsync([BlobTrigger("changing/{name}")] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context);
    }

    private sealed class Twins(Calls calls)
    {
        [Function("twin-one")]
        public Task OneAsync([BlobTrigger("twins/{name}", Source = BlobTriggerSource.EventGrid)] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context, "one ");

        [Function("twin-two")]
        public Task TwoAsync([BlobTrigger("twins/{name}")] BlobClient blob, string name, FunctionContext context) => RecordAsync(calls, blob, name, context, "two ");
    }

    private sealed class Queued(Calls calls)
    {
        [Function("queued")]
        public Task RunAsync([QueueTrigger("work")] string message, CancellationToken cancellationToken) => calls.MakeAsync(message, cancellationToken);
    }
}
