using System.Reflection;
using System.Text.Json;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Tests;

/// <summary>What the trigger classes, host.json and the sample of settings promise each other.</summary>
public class HostJsonTests
{
    private static readonly Dictionary<string, ParameterInfo> Functions = typeof(Triggers.Predict).Assembly.GetTypes()
        .SelectMany(t => t.GetMethods())
        .Where(m => m.GetCustomAttribute<FunctionAttribute>() is not null)
        .ToDictionary(m => m.GetCustomAttribute<FunctionAttribute>()!.Name, m => m.GetParameters()[0]);

    [Fact]
    public void The_route_prefix_is_empty_and_every_api_route_written_out()
    {
        Assert.Equal("", Read("host.json").GetProperty("extensions").GetProperty("http").GetProperty("routePrefix").GetString());
        string?[] routes = [.. Functions.Values.Select(p => p.GetCustomAttribute<HttpTriggerAttribute>()?.Route).Where(r => r is not null and not "{*rest}").Order()];
        string[] pages = ["{root:maxlength(0)?}", "about", "api", "assets/{file}", "classify", "model", "results"]; // what the page is made of
        Assert.Empty(pages.Except(routes));
        Assert.All(routes.Except(pages), r => Assert.StartsWith("api/", r, StringComparison.Ordinal));
    }

    [Fact]
    public void The_function_for_unknown_routes_sorts_after_all_others_since_the_host_tries_routes_in_that_order()
    {
        Assert.Equal("{*rest}", Functions["unknown-route"].GetCustomAttribute<HttpTriggerAttribute>()?.Route);
        Assert.Equal("unknown-route", Functions.Keys.Order(StringComparer.OrdinalIgnoreCase).Last());
    }

    [Fact]
    public void What_can_be_read_can_be_asked_for_with_HEAD() =>
        Assert.All(
            Functions.Values.Select(p => p.GetCustomAttribute<HttpTriggerAttribute>()?.Methods).Where(m => m?.Contains("get") == true),
            m => Assert.Contains("head", m!));

    [Fact]
    public void Images_and_results_need_a_key_and_nothing_else_does()
    {
        string[] keyed = [.. Functions.Where(f => f.Value.GetCustomAttribute<HttpTriggerAttribute>()?.AuthLevel == AuthorizationLevel.Function).Select(f => f.Key).Order(StringComparer.Ordinal)];
        Assert.Equal(["classify-form", "drop-lesion", "give-feedback", "list-results", "metrics", "picture", "predict", "predict-with", "preview", "read-result", "status"], keyed);
    }

    [Fact]
    public void Two_functions_watch_the_lesions_and_the_sample_leaves_one_enabled()
    {
        Dictionary<string, BlobTriggerSource> watching = Functions
            .Where(f => f.Value.GetCustomAttribute<BlobTriggerAttribute>()?.BlobPath == "lesions/{name}")
            .ToDictionary(f => f.Key, f => f.Value.GetCustomAttribute<BlobTriggerAttribute>()!.Source);
        Assert.Equal(new() { ["classify-lesion"] = BlobTriggerSource.EventGrid, ["classify-lesion-scan"] = BlobTriggerSource.LogsAndContainerScan }, watching);
        JsonElement values = Read("local.settings.sample.json").GetProperty("Values");
        string[] enabled = [.. watching.Keys.Where(f => !values.TryGetProperty($"AzureWebJobs.{f}.Disabled", out JsonElement off) || off.GetString() != "true")];
        Assert.Single(enabled);
    }

    [Fact]
    public void The_poison_queue_of_blobs_is_watched() =>
        Assert.Equal("webjobs-blobtrigger-poison", Functions["report-failed-lesion"].GetCustomAttribute<QueueTriggerAttribute>()?.QueueName);

    [Fact]
    public void The_host_leaves_the_text_of_messages_to_the_app_which_reads_plain_text_and_Base64() =>
        Assert.Equal("none", Read("host.json").GetProperty("extensions").GetProperty("queues").GetProperty("messageEncoding").GetString());

    private static JsonElement Read(string file)
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "package-lock.json")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run in a checkout of the repository.");
        }

        return JsonDocument.Parse(File.ReadAllText(Path.Combine(folder.FullName, file))).RootElement;
    }
}
