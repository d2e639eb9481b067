using System.Globalization;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Lentigo.Functions.Tests;

[Collection("one meter")]
public sealed class MetricsTests : IDisposable
{
    private readonly ServingMetrics metrics = new();
    private readonly PrometheusText text = new();
    private readonly MeterProvider provider;

    public MetricsTests() => provider = Sdk.CreateMeterProviderBuilder().AddMeter(ServingMetrics.Name).AddReader(text.Reader).Build();

    public void Dispose()
    {
        provider.Dispose();
        metrics.Dispose();
        text.Dispose();
    }

    [Fact]
    public void What_is_counted_stands_in_the_text()
    {
        metrics.Rejected("NotDermoscopy", ServingMetrics.ByHttp);
        metrics.Rejected("NotDermoscopy", ServingMetrics.ByHttp);
        metrics.ResultWritten(LesionResult.Failed);
        metrics.Poison();
        metrics.Request("predict", 200, TimeSpan.FromSeconds(0.3));
        string read = text.Read();
        Assert.Contains("# TYPE lentigo_rejections_total counter\n", read, StringComparison.Ordinal);
        Assert.Contains("lentigo_rejections_total{reason=\"NotDermoscopy\",source=\"http\"} 2\n", read, StringComparison.Ordinal);
        Assert.Contains("lentigo_results_total{status=\"failed\"} 1\n", read, StringComparison.Ordinal);
        Assert.Contains("lentigo_poison_total 1\n", read, StringComparison.Ordinal);
        Assert.Contains("lentigo_request_duration_seconds_bucket{function=\"predict\",status=\"200\",le=\"0.25\"} 0\n", read, StringComparison.Ordinal);
        Assert.Contains("lentigo_request_duration_seconds_bucket{function=\"predict\",status=\"200\",le=\"0.5\"} 1\n", read, StringComparison.Ordinal);
        Assert.Contains("lentigo_request_duration_seconds_bucket{function=\"predict\",status=\"200\",le=\"+Inf\"} 1\n", read, StringComparison.Ordinal);
        Assert.Contains("lentigo_request_duration_seconds_count{function=\"predict\",status=\"200\"} 1\n", read, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_classified_image_is_measured_on_its_whole_way()
    {
        using CurrentModel current = new();
        current.Replace(EnsembleModel.Load(ModelPackage.Open(ShippedModels.Folder("lentigo-fast")), new() { Device = InferenceDevice.Cpu }));
        using CandidateModel none = CandidateTests.None(current, metrics);
        using Classification classification = new(current, none, new(), new(long.MaxValue), metrics, TimeProvider.System, threads: 1);
        metrics.ObserveModel("lentigo-fast", () => current.Manifest, () => new RefusedVersion("2", "why"));
        Prediction answer = await classification.ClassifyAsync(
            ClassificationTests.Picture(1), "1", new PredictionOptions { AnswerUnsuitable = true }, ServingMetrics.ByBlob, TestContext.Current.CancellationToken);

        string read = text.Read();
        (string name, string version) = answer.Model;
        string labels = $"class=\"{answer.Label.Code}\",name=\"{name}\",recommendation=\"{answer.Triage!.Recommendation}\",source=\"blob\",version=\"{version}\"";
        Assert.Contains($"lentigo_answers_total{{{labels}}} 1\n", read, StringComparison.Ordinal);
        Assert.Contains($"lentigo_suitability_sum {answer.Suitability!.Score.ToString(CultureInfo.InvariantCulture)}\n", read, StringComparison.Ordinal);
        foreach (string measured in (string[])["lentigo_decode_duration_seconds_count 1", "lentigo_inference_duration_seconds_count 1", "lentigo_batch_size_sum 1", "lentigo_queue_length{state=\"waiting\"} 0", "lentigo_model_refused{name=\"lentigo-fast\"} 1"])
        {
            Assert.Contains(measured + "\n", read, StringComparison.Ordinal);
        }

        Assert.Contains($"lentigo_model_info{{name=\"lentigo-fast\",version=\"{answer.Model.Version}\"}} 1\n", read, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ClientId=4f0c;Authorization=AAD", "4f0c")]
    [InlineData("Authorization=AAD", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void The_identity_for_Application_Insights_is_the_one_that_the_host_uses(string? setting, string? clientId) => Assert.Equal(clientId, Telemetry.ClientIdOf(setting));
}
