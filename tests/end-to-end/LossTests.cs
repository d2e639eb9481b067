using System.Text.Json;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Storage that takes away what the app needs: no image is lost for it.</summary>
public sealed class LossTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_result_under_a_lease_is_written_when_the_lease_ends_and_no_message_is_left_unread()
    {
        // One try, so that the image is given up while the lease lasts.
        await using RunningApp app = await RunningApp.StartAsync(new() { ["AzureFunctionsJobHost__extensions__blobs__poisonBlobThreshold"] = "1", ["Lentigo__HashNames"] = "false" });
        await app.ResultAsync("leased.jpg", (await app.DropAsync("leased.jpg", LesionFiles.Jpeg(1))).ETag);
        BlobLeaseClient lease = app.Blobs.GetBlobContainerClient("results").GetBlobClient("leased.jpg.json").GetBlobLeaseClient();
        await lease.AcquireAsync(BlobLeaseClient.InfiniteLeaseDuration, cancellationToken: Cancellation);
        BlobContentInfo newest = await app.DropAsync("leased.jpg", LesionFiles.Jpeg(2));
        await Eventually.TrueAsync(
            () => Task.FromResult(app.Log.Contains("The failed result of the image 'leased.jpg' could not be written", StringComparison.Ordinal)), () => $"the failure in the log, which ends in:\n{app.LogEnd}");

        BlobContentInfo other = await app.DropAsync("other.jpg", LesionFiles.Jpeg(3));
        Assert.Equal(LesionResult.Classified, (await app.ResultAsync("other.jpg", other.ETag)).Status);
        await lease.ReleaseAsync(cancellationToken: Cancellation);
        LesionResult result = await app.ResultAsync("leased.jpg", newest.ETag);
        Assert.Equal(LesionResult.Classified, result.Status);
        Api.AssertSame((await app.PredictAsync(LesionFiles.Jpeg(2))).Probabilities, result.Probabilities);
        Assert.False((await app.Queues.GetQueueClient("webjobs-blobtrigger-poison-poison").ExistsAsync(Cancellation)).Value);
        Assert.Contains($"{result.Id}: Image 'leased.jpg': classified", app.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Results_that_may_not_be_written_are_reported_and_written_once_they_may()
    {
        await using RunningApp stored = RunningApp.NotStarted();
        await using Azurite storage = await stored.StartStorageAsync();
        await using FaultyNetwork blobs = FaultyNetwork.To(stored.BlobPort);
        // One try, so that the image is given up while nothing may be written.
        await using RunningApp app = await RunningApp.StartAsync(new()
        {
            ["AzureWebJobsStorage"] = Azurite.ConnectionString(blobs.Port, stored.QueuePort),
            ["AzureFunctionsJobHost__extensions__blobs__poisonBlobThreshold"] = "1",
            ["Lentigo__HashNames"] = "false",
        });
        try
        {
            blobs.Denied = $"PUT {Azurite.AccountPath}/results/";
            BlobContentInfo dropped = await stored.DropAsync("denied.jpg", LesionFiles.Jpeg(1));
            await Eventually.TrueAsync(
                () => Task.FromResult(app.Log.Contains("The failed result of the image 'denied.jpg' could not be written", StringComparison.Ordinal)), () => $"the failure in the log, which ends in:\n{app.LogEnd}");
            ServiceStatus status = JsonSerializer.Deserialize(await app.Client.GetStringAsync(new Uri("api/status", UriKind.Relative), Cancellation), FunctionsJson.Default.ServiceStatus)!;
            Assert.Equal((1, dropped.LastModified), (status.Waiting, status.OldestWaiting));

            blobs.Denied = null;
            Assert.Equal(LesionResult.Classified, (await stored.ResultAsync("denied.jpg", dropped.ETag, app)).Status);
        }
        finally
        {
            await app.StopAsync(); // before its storage
        }
    }

    [Fact]
    public async Task Names_of_any_length_are_answered_counted_and_not_logged_where_they_shall_not_and_deleted_containers_come_back()
    {
        await using RunningApp app = await RunningApp.StartAsync(new() { ["Lentigo__HashNames"] = "true", ["Lentigo__HashNamesKey"] = "a secret of a clinic" });
        string longest = string.Join('/', Enumerable.Repeat(new string('n', 99), 10)) + "/" + new string('p', 24);
        Assert.Equal(1024, longest.Length);
        Dictionary<string, string> versions = [];
        foreach (string name in (string[])["short.jpg", longest])
        {
            versions[name] = (await app.DropAsync(name, LesionFiles.Jpeg())).ETag.ToString();
        }

        await app.DropAsync("bad.jpg", LesionFiles.BadContent("truncated.jpg"));
        foreach ((string name, string version) in versions)
        {
            await Eventually.TrueAsync(async () => await ReadAsync(name) is { Status: LesionResult.Classified } read && read.Source.ETag == version, () => $"the result of {name}. The end of the app's log:\n{app.LogEnd}");
        }

        ServiceStatus? status = null;
        await Eventually.TrueAsync(
            async () => (status = JsonSerializer.Deserialize(await GetAsync("api/status"), FunctionsJson.Default.ServiceStatus)) is { Waiting: 0, Classified: 2, Rejected: 1 },
            () => $"everything counted; it is {status}. The end of the app's log:\n{app.LogEnd}");
        Assert.Equal((0, true, null), (status!.Failed, status.Complete, status.OldestWaiting));
        Assert.Contains(longest, await GetAsync("api/results"), StringComparison.Ordinal);
        Assert.DoesNotContain("short.jpg", app.Log, StringComparison.Ordinal);
        Assert.Contains("Image 'name-", app.Log, StringComparison.Ordinal);

        foreach (string container in (string[])["lesions", "results"])
        {
            await app.Blobs.DeleteBlobContainerAsync(container, cancellationToken: Cancellation);
        }

        BlobContainerClient lesions = app.Blobs.GetBlobContainerClient("lesions");
        await Eventually.TrueAsync(async () => await lesions.ExistsAsync(Cancellation), () => $"the container to come back. The end of the app's log:\n{app.LogEnd}");
        BlobContentInfo after = await app.DropAsync("after.jpg", LesionFiles.Jpeg(4));
        Assert.Equal(LesionResult.Classified, (await app.ResultAsync("after.jpg", after.ETag)).Status);

        async Task<LesionResult?> ReadAsync(string name)
        {
            using HttpResponseMessage response = await app.Client.GetAsync(new Uri($"api/results/{Uri.EscapeDataString(name)}", UriKind.Relative), Cancellation);
            return response.IsSuccessStatusCode ? JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.LesionResult) : null;
        }

        Task<string> GetAsync(string path) => app.Client.GetStringAsync(new Uri(path, UriKind.Relative), Cancellation);
    }
}
