using System.Diagnostics;
using System.Text.Json;

namespace Lentigo.EndToEnd.Tests;

/// <summary>What goes into the container: the files by which Azure's host knows the app.</summary>
public sealed class PublishTests
{
    [Fact]
    public async Task The_published_app_holds_what_the_functions_host_reads_and_no_local_settings()
    {
        string output = Directory.CreateTempSubdirectory("lentigo-publish-").FullName;
        ProcessStartInfo start = new("dotnet")
        {
            WorkingDirectory = Repository.Root,
            ArgumentList = { "publish", "functions", "--no-build", "--configuration", Repository.Configuration, "--output", output },
            RedirectStandardOutput = true,
        };
        using Process publish = Process.Start(start)!;
        string log = await publish.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await publish.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(publish.ExitCode == 0, log);

        JsonElement worker = Read("worker.config.json").GetProperty("description");
        Assert.Equal(("dotnet-isolated", "Lentigo.Functions.dll"), (worker.GetProperty("language").GetString(), worker.GetProperty("defaultWorkerPath").GetString()));
        string?[] functions = [.. Read("functions.metadata").EnumerateArray().Select(f => f.GetProperty("name").GetString()).Order(StringComparer.Ordinal)];
        Assert.Equal(
            ["assets", "classify-form", "classify-lesion", "classify-lesion-event", "classify-lesion-scan", "drop-lesion", "give-feedback", "health", "list-results", "metrics", "model", "model-report", "model-report-json", "models", "open-api", "page", "page-about", "page-api", "page-model", "page-results", "picture", "predict", "predict-with", "preview", "read-result", "reconcile-lesions", "report-failed-lesion", "report-failed-lesion-event", "status", "unknown-route"],
            functions);
        string?[] extensions = [.. Read("extensions.json").GetProperty("extensions").EnumerateArray().Select(e => e.GetProperty("name").GetString())];
        Assert.Superset(new HashSet<string?> { "AzureStorageBlobs", "AzureStorageQueues" }, extensions.ToHashSet()); // timers are in the host
        Assert.Equal("", Read("host.json").GetProperty("extensions").GetProperty("http").GetProperty("routePrefix").GetString());
        Assert.True(File.Exists(Path.Combine(output, "Lentigo.Functions.dll")));
        Assert.True(File.Exists(Path.Combine(output, "wwwroot", "index.html")));
        Assert.Empty(Directory.GetFiles(output, "local.settings*", SearchOption.AllDirectories));
        Assert.Empty(Directory.GetFiles(output, "Lentigo.Functions.Local*", SearchOption.AllDirectories));
        Directory.Delete(output, recursive: true);

        JsonElement Read(string file) => JsonSerializer.Deserialize<JsonElement>(File.ReadAllBytes(Path.Combine(output, file)));
    }
}
