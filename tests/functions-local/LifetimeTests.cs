using System.Net;
using System.Net.Sockets;
using System.Text;
using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.Functions.Local.Tests;

/// <summary>How launcher and worker start, die and stop.</summary>
public sealed class LifetimeTests(AzuriteFixture azurite)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_worker_that_dies_is_started_again_and_requests_in_flight_are_told_to_come_later()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite);
        Task<HttpResponseMessage> inFlight = launcher.Client.GetAsync(new Uri("api/held", UriKind.Relative), Cancellation);
        await launcher.UntilCalledAsync(calls => calls is ["held"]);
        launcher.KillWorker();
        using HttpResponseMessage response = await inFlight;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, TimeSpan.FromSeconds(1)), (response.StatusCode, response.Headers.RetryAfter?.Delta));

        HttpStatusCode status = HttpStatusCode.ServiceUnavailable;
        await Eventually.TrueAsync(
            () => (status = HttpTests.StatusAsync(launcher, "api/people/Ada/36").GetAwaiter().GetResult()) == HttpStatusCode.OK,
            () => $"the worker; the last answer was {status}. The log:\n{launcher.Log}");
    }

    [Fact]
    public async Task A_launcher_that_is_killed_leaves_no_worker_behind()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite);
        int worker = launcher.WorkerId();
        launcher.Signal("KILL");
        await launcher.UntilEndedAsync();
        await Eventually.TrueAsync(() => !LauncherProcess.IsRunning(worker), () => "the worker's end");
    }

    [Fact]
    public async Task A_launcher_that_is_told_to_stop_lets_requests_end_first()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite);
        int worker = launcher.WorkerId();
        Task<string> inFlight = launcher.Client.GetStringAsync(new Uri("api/held", UriKind.Relative), Cancellation);
        await launcher.UntilCalledAsync(calls => calls is ["held"]);
        launcher.Signal("TERM");
        await Task.Delay(500, Cancellation);
        launcher.Release();
        Assert.Equal("released", await inFlight);
        Assert.Equal(0, await launcher.UntilEndedAsync());
        Assert.False(LauncherProcess.IsRunning(worker));
    }

    [Theory]
    [InlineData("Content-Length: 500000")]
    [InlineData("Transfer-Encoding: chunked")]
    public async Task A_launcher_that_is_told_to_stop_does_not_wait_for_an_upload_that_hangs(string header)
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite);
        using TcpClient sender = new();
        await sender.ConnectAsync("localhost", launcher.Client.BaseAddress!.Port, Cancellation);
        await sender.GetStream().WriteAsync(Encoding.ASCII.GetBytes($"POST /api/echo HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n5\r\nbegin"), Cancellation);
        await launcher.UntilCalledAsync(calls => calls is ["echo"]);
        launcher.Signal("TERM");
        Assert.Equal(0, await launcher.UntilEndedAsync().WaitAsync(TimeSpan.FromSeconds(20), Cancellation)); // servers wait 30 s for what they are sent
    }

    [Fact]
    public async Task The_worker_gets_the_values_of_local_settings_unless_the_environment_says_otherwise()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, new()
        {
            HostJson = new { },
            LocalSettings = new { Values = new Dictionary<string, string> { ["A__B"] = "file", ["Stronger"] = "file" } },
            Environment = { ["Stronger"] = "environment" },
        });
        Assert.Equal("file", await launcher.Client.GetStringAsync(new Uri("api/setting/A__B", UriKind.Relative), Cancellation));
        Assert.Equal("environment", await launcher.Client.GetStringAsync(new Uri("api/setting/Stronger", UriKind.Relative), Cancellation));
    }

    [Fact]
    public async Task A_taken_port_is_named_in_one_sentence()
    {
        int port = Azurite.FreePort();
        using TcpListener taken = new(IPAddress.Loopback, port);
        taken.Start();
        await AssertOneSentenceAsync(new() { Port = port }, $"cannot listen on port {port}");
    }

    [Fact]
    public Task A_worker_that_refuses_to_start_is_quoted() =>
        AssertOneSentenceAsync(new() { Environment = { ["TestApp__RefuseToStart"] = "The setting Color is wrong. Correct it." } }, "The setting Color is wrong.");

    [Fact]
    public async Task A_worker_whose_port_was_taken_is_started_again()
    {
        await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, new() { Environment = { ["TestApp__TakenPorts"] = "2" } });
        Assert.Equal(3, launcher.Log.Split("Another process took the port").Length);
        Assert.Equal("2", await launcher.Client.GetStringAsync(new Uri("api/setting/TestApp__TakenPorts", UriKind.Relative), Cancellation));
    }

    [Fact]
    public async Task A_worker_whose_port_is_always_taken_is_quoted_in_the_end()
    {
        string folder = Directory.CreateTempSubdirectory("lentigo-calls-").FullName;
        (int exitCode, string output) = await LauncherProcess.FailAsync(azurite, new() { CallsFolder = folder, Environment = { ["TestApp__TakenPorts"] = "1000" } });
        Assert.Equal(1, exitCode);
        Assert.Contains("The app ended before it was ready", output, StringComparison.Ordinal);
        Assert.Equal(5, new FileInfo(Path.Combine(folder, "starts")).Length);
    }

    [Theory]
    [InlineData("AzureWebJobsStorage", "garbage", "AzureWebJobsStorage is not a connection string")]
    [InlineData("AzureWebJobsStorage", "", "AzureWebJobsStorage is empty")]
    [InlineData("Launcher__RequireKeys", "true", "nobody could call")]
    [InlineData("Launcher__RequireKeys", "perhaps", "Launcher:RequireKeys")]
    [InlineData("Launcher__LocalHttpPort", "0", "LocalHttpPort 0")]
    [InlineData("Lentigo__Model", "absent", "no model 'absent'")]
    [InlineData("AzureFunctionsJobHost__functionTimeout", "soon", "invalid value")]
    [InlineData("AzureFunctionsJobHost__extensions__blobs__poisonBlobThreshold", "many", "many is not a valid value")]
    public Task A_wrong_setting_is_named_in_one_sentence(string name, string value, string reason) =>
        AssertOneSentenceAsync(new() { Environment = { [name] = value } }, reason);

    [Fact]
    public Task A_host_json_that_is_none_is_named_in_one_sentence() => AssertOneSentenceAsync(new() { HostJson = "{ not json" }, "host.json is not valid JSON");

    [Fact]
    public Task A_folder_without_an_app_is_named_in_one_sentence() => AssertOneSentenceAsync(new() { AppFolder = AppContext.BaseDirectory }, "no built Functions app");

    [Fact]
    public Task A_machine_without_node_is_told_to_install_it() => AssertOneSentenceAsync(
        new() { Environment = { ["AzureWebJobsStorage"] = FreshStorage(), ["PATH"] = AppContext.BaseDirectory } }, // where no program is
        "Install Node.js");

    [Fact]
    public Task A_folder_that_cannot_be_written_to_is_named() => AssertOneSentenceAsync(
        new() { Environment = { ["AzureWebJobsStorage"] = FreshStorage(), ["Launcher__AzuriteFolder"] = "/proc/azurite" } }, "Launcher__AzuriteFolder");

    [Fact]
    public async Task What_answers_on_one_of_azurites_ports_only_is_no_azurite()
    {
        int port = Azurite.FreePort();
        using TcpListener taken = new(IPAddress.Loopback, port);
        taken.Start();
        await AssertOneSentenceAsync(new() { Environment = { ["AzureWebJobsStorage"] = Azurite.ConnectionString(port, Azurite.FreePort()) } }, $"A service is running on port {port}");
    }

    [Fact]
    public async Task Azurite_keeps_what_it_acknowledged_however_often_it_is_stopped_and_is_taken_over_from_a_launcher_that_was_killed()
    {
        string folder = Directory.CreateTempSubdirectory("lentigo-azurite-").FullName;
        int blobPort = Azurite.FreePort(), queuePort = Azurite.FreePort();
        LauncherProcess.Settings settings = new() { Environment = { ["AzureWebJobsStorage"] = Azurite.ConnectionString(blobPort, queuePort), ["Launcher__AzuriteFolder"] = folder } };
        List<string> acknowledged = [];
        BlobContainerClient container = new BlobServiceClient(settings.Environment["AzureWebJobsStorage"]).GetBlobContainerClient("kept");
        for (int round = 0; round < 3; round++)
        {
            await using LauncherProcess launcher = await LauncherProcess.StartAsync(azurite, settings);
            await container.CreateIfNotExistsAsync(cancellationToken: Cancellation);
            for (int i = 0; i < 20; i++)
            {
                await container.UploadBlobAsync($"{round}-{i}", BinaryData.FromString("x"), Cancellation);
                acknowledged.Add($"{round}-{i}");
            }

            launcher.Signal(round == 1 ? "KILL" : "TERM");
            await launcher.UntilEndedAsync();
            Assert.Equal(round == 1, await Azurite.AnswersAsync(blobPort)); // a killed launcher cannot stop it; the next one does
        }

        await using LauncherProcess last = await LauncherProcess.StartAsync(azurite, settings);
        Assert.Equal(acknowledged.Order(StringComparer.Ordinal), container.GetBlobs(cancellationToken: Cancellation).Select(b => b.Name));
        last.Signal("TERM");
        await last.UntilEndedAsync();
    }

    [Fact]
    public async Task Setup_alone_leaves_storage_ready_and_running()
    {
        string folder = Directory.CreateTempSubdirectory("lentigo-azurite-").FullName;
        string storage = FreshStorage();
        (int exitCode, string output) = await LauncherProcess.SetUpAsync(new() { ["AzureWebJobsStorage"] = storage, ["Launcher__AzuriteFolder"] = folder });
        Assert.True(exitCode == 0, output);
        Assert.True(await new BlobServiceClient(storage).GetBlobContainerClient("models").GetBlobClient("lentigo/current.json").ExistsAsync(Cancellation));
        Assert.True(await new BlobServiceClient(storage).GetBlobContainerClient("lesions").ExistsAsync(Cancellation));
        Assert.True(await new QueueServiceClient(storage).GetQueueClient("webjobs-blobtrigger-poison").ExistsAsync(Cancellation));
        LauncherProcess.Terminate(int.Parse((await File.ReadAllTextAsync(Path.Combine(folder, "azurite.pid"), Cancellation)).Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture));
    }

    private static string FreshStorage() => Azurite.ConnectionString(Azurite.FreePort(), Azurite.FreePort());

    private async Task AssertOneSentenceAsync(LauncherProcess.Settings settings, string reason)
    {
        (int exitCode, string output) = await LauncherProcess.FailAsync(azurite, settings);
        Assert.Equal(1, exitCode);
        Assert.Contains(reason, output, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal); // a stack trace
        Assert.Single(output.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => !line.Contains(" info: ", StringComparison.Ordinal) && !line.Contains(" warn: ", StringComparison.Ordinal));
    }
}
