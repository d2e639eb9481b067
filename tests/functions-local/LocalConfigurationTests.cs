using Azure.Storage.Queues;
using Lentigo.Functions.Local.Hosting;
using Microsoft.Extensions.Configuration;

namespace Lentigo.Functions.Local.Tests;

public sealed class LocalConfigurationTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-settings-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Host_json_gives_limits_and_settings_override_it()
    {
        Write("host.json", """
            { "functionTimeout": "-1", "extensions": { "http": { "routePrefix": "" }, "blobs": { "poisonBlobThreshold": 3 },
              "queues": { "batchSize": 4, "maxPollingInterval": "00:00:02", "messageEncoding": "none" } } }
            """);
        HostJson host = HostJson.Read(Configuration(("AzureFunctionsJobHost:extensions:blobs:poisonBlobThreshold", "2")), "App");
        Assert.Null(host.FunctionTimeout);
        Assert.Equal("", host.RoutePrefix);
        Assert.Equal(2, host.BlobTries);
        Assert.Equal(6, host.QueueParallelism);
        Assert.Equal(TimeSpan.FromSeconds(2), host.QueuePollingInterval);
        Assert.Equal(QueueMessageEncoding.None, host.QueueEncoding);
    }

    [Fact]
    public void Without_host_json_the_defaults_are_the_functions_hosts()
    {
        HostJson host = HostJson.Read(Configuration(), "Lentigo.Functions");
        Assert.Equal(TimeSpan.FromMinutes(30), host.FunctionTimeout);
        Assert.Equal("api", host.RoutePrefix);
        Assert.Equal((5, 5, 24), (host.BlobTries, host.QueueTries, host.QueueParallelism));
        Assert.Equal(QueueMessageEncoding.Base64, host.QueueEncoding);
        Assert.Equal("lentigo-functions", host.HostId);
    }

    [Fact]
    public void Values_of_local_settings_count_unless_something_stronger_says_otherwise()
    {
        Write("local.settings.json", """{ "Values": { "Lentigo__Model": "mine", "Other": "a" }, "Host": { "LocalHttpPort": 7100, "CORS": "*" } }""");
        IConfiguration configuration = Configuration(("Other", "b"));
        Assert.Equal("mine", configuration["Lentigo:Model"]);
        Assert.Equal("b", configuration["Other"]);
        Assert.Equal("http://localhost:7100", configuration["urls"]);
        Assert.Equal("*", LocalRuntimeOptions.Read(configuration).Cors);
    }

    [Fact]
    public void The_sample_counts_where_there_is_no_file_of_ones_own()
    {
        Write("local.settings.sample.json", """{ "Values": { "A": "sample" } }""");
        Assert.Equal("sample", Configuration()["A"]);
        Write("local.settings.json", """{ "Values": { "A": "own" } }""");
        Assert.Equal("own", Configuration()["A"]);
    }

    [Theory]
    [InlineData("host.json", "{ not json", "host.json is not valid JSON")]
    [InlineData("host.json", """{ "functionTimeout": "soon" }""", "wrong value")]
    [InlineData("host.json", """{ "extensions": { "blobs": { "poisonBlobThreshold": "many" } } }""", "wrong value")]
    [InlineData("local.settings.json", """{ "IsEncrypted": true }""", "is encrypted")]
    public void A_file_that_is_wrong_says_so(string file, string content, string reason)
    {
        Write(file, content);
        Assert.Contains(reason, Assert.Throws<InvalidDataException>(() => HostJson.Read(Configuration(), "App")).Message, StringComparison.Ordinal);
    }

    private ConfigurationManager Configuration(params (string Key, string Value)[] stronger)
    {
        ConfigurationManager configuration = new();
        configuration.AddInMemoryCollection(stronger.Select(s => KeyValuePair.Create(s.Key, (string?)s.Value)));
        LocalConfiguration.Add(configuration, folder);
        return configuration;
    }

    private void Write(string file, string content) => File.WriteAllText(Path.Combine(folder, file), content);
}
