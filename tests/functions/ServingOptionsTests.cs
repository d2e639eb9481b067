using Lentigo.Core.Inference;
using Lentigo.Functions.Serving;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Lentigo.Functions.Tests;

public class ServingOptionsTests
{
    [Fact]
    public void Settings_fill_the_options()
    {
        ServingOptions options = Read(("Model", "dermatoscope"), ("Device", "cpu"), ("ModelPollInterval", "00:01:00"), ("ReconcileAfter", "00:00:05"), ("MaxImageBytes", "1000"), ("MaxImagePixels", "2000"), ("Threads", "3"), ("MaxBatchSize", "4"), ("BodyDeadline", "00:00:30"));
        Assert.Equal(("dermatoscope", InferenceDevice.Cpu, TimeSpan.FromMinutes(1), 3), (options.Model, options.Device, options.ModelPollInterval, options.Threads));
        Assert.Equal(TimeSpan.FromSeconds(5), options.ReconcileAfter);
        Assert.Equal((1000, 2000), (options.Limits.MaxBytes, options.Limits.MaxPixels));
        Assert.Equal((4, TimeSpan.FromSeconds(30)), (options.MaxBatchSize, options.BodyDeadline));
    }

    [Fact]
    public void Without_settings_the_limits_are_the_documented_ones()
    {
        ServingOptions options = Read();
        Assert.Equal(("lentigo", InferenceDevice.Auto, 20_000_000, 50_000_000), (options.Model, options.Device, options.Limits.MaxBytes, options.Limits.MaxPixels));
        Assert.Equal(TimeSpan.FromMinutes(1), options.ReconcileAfter);
    }

    [Theory]
    [InlineData(null, "'AzureWebJobsStorage' is empty")]
    [InlineData("garbage", "'AzureWebJobsStorage' is not a connection string")]
    public void A_missing_or_wrong_storage_connection_is_named(string? connection, string reason)
    {
        ConfigurationManager configuration = new();
        configuration["AzureWebJobsStorage"] = connection;
        Assert.Contains(reason, Assert.Throws<FormatException>(() => new ServiceCollection().AddServing(configuration)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Model", "")]
    [InlineData("Device", "tpu")]
    [InlineData("Threads", "-1")]
    [InlineData("MaxPendingImages", "0")]
    [InlineData("MaxBatchSize", "0")]
    [InlineData("MaxBatchDelay", "-00:00:01")]
    [InlineData("MaxImagesPerRequest", "201")] // of which no call could ever be taken
    [InlineData("MaxRequestBytes", "1000")]
    [InlineData("MaxPendingBytes", "1000")]
    [InlineData("MaxDecodingBytes", "0")]
    [InlineData("BodyDeadline", "00:00:00")]
    [InlineData("BodyGrace", "00:00:00")]
    [InlineData("MinBodyBytesPerSecond", "0")]
    [InlineData("Candidate", "a/b/c")]
    [InlineData("Candidate", "../etc")]
    [InlineData("Candidate", "/1")]
    [InlineData("CandidateShare", "1.5")]
    [InlineData("CandidateShare", "-0.1")]
    [InlineData("CandidateShare", "NaN")]
    [InlineData("CandidateShare", "0.1")] // of no candidate
    [InlineData("CandidateShadow", "2")]
    [InlineData("CandidateShadow", "1")] // of no candidate
    [InlineData("HashNamesKey", "fifteen letters")]
    [InlineData("MaxImageBytes", "0")]
    [InlineData("MaxImageBytes", "lots")]
    [InlineData("MaxImagePixels", "0")]
    [InlineData("ModelPollInterval", "00:00:00")]
    [InlineData("ReconcileAfter", "00:00:00.9")]
    public void A_wrong_setting_is_named(string name, string value) =>
        Assert.Contains(name, Assert.Throws<InvalidOperationException>(() => Read((name, value))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("20260101", "lentigo", "20260101")]
    [InlineData("lentigo-fast/20260101", "lentigo-fast", "20260101")]
    public void A_candidate_is_a_version_of_the_model_that_serves_or_of_another(string setting, string name, string version)
    {
        ServingOptions options = Read(("Candidate", setting), ("CandidateShare", "0.05"), ("CandidateShadow", "1"));
        Assert.Equal((new(name, version), 0.05, 1), (options.CandidateReference!, options.CandidateShare, options.CandidateShadow));
        Assert.Null(Read().CandidateReference);
    }

    [Fact]
    public void A_candidate_counts_as_one_of_the_models_in_memory()
    {
        Assert.Equal(3, Read(("Models", "a,b"), ("Candidate", "1")).ModelNames.Count);
        InvalidOperationException refused = Assert.Throws<InvalidOperationException>(() => Read(("Models", "a,b,c"), ("Candidate", "1")));
        Assert.Contains("one more than the 4 models", refused.Message, StringComparison.Ordinal);
    }

    private static ServingOptions Read(params (string Name, string Value)[] settings)
    {
        ServiceCollection services = new();
        ConfigurationManager configuration = new();
        configuration.AddInMemoryCollection(settings.Select(s => KeyValuePair.Create($"{ServingOptions.Section}:{s.Name}", (string?)s.Value)));
        configuration["AzureWebJobsStorage"] = "UseDevelopmentStorage=true";
        services.AddServing(configuration);
        return services.BuildServiceProvider().GetRequiredService<ServingOptions>();
    }
}
