using System.Diagnostics;
using System.Diagnostics.Metrics;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>What the service measures of itself: a <see cref="Meter"/> and an <see cref="ActivitySource"/> of the name <c>Lentigo</c>. docs/operations.md explains each figure. None holds a name or an id.</summary>
public sealed class ServingMetrics : IDisposable
{
    /// <summary>The name of the meter and of the activity source.</summary>
    public const string Name = "Lentigo";

    /// <summary>How an image came: in an HTTP request.</summary>
    internal const string ByHttp = "http";

    /// <summary>How an image came: as a blob.</summary>
    internal const string ByBlob = "blob";

    private static readonly double[] SecondBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
    private static readonly double[] ShareBounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    private readonly Meter meter = new(Name);
    private readonly Counter<long> answers, rejections, results, reconciled, poison;
    private readonly Histogram<double> requests, decoding, inference, suitability;
    private readonly Histogram<int> batches;

    /// <summary>Creates the instruments.</summary>
    public ServingMetrics()
    {
        requests = Seconds("lentigo.request.duration", "HTTP requests by function and status, from their first byte to their answer.");
        decoding = Seconds("lentigo.decode.duration", "Decoding of one image.");
        inference = Seconds("lentigo.inference.duration", "One run of the graph over one batch.");
        batches = meter.CreateHistogram("lentigo.batch.size", "{image}", "Images in a batch.", advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64] });
        suitability = meter.CreateHistogram(
            "lentigo.suitability", "1", "How much an image is like those that the model was trained on, 0 to 1: a drift of the input lowers it.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = ShareBounds });
        answers = meter.CreateCounter<long>("lentigo.answers", "{image}", "Classified images by most probable class, recommendation and model version.");
        rejections = meter.CreateCounter<long>("lentigo.rejections", "{image}", "Images that could not be classified, by reason: the share of not-dermoscopy tells what users send.");
        results = meter.CreateCounter<long>("lentigo.results", "{image}", "Results written for dropped images, by status.");
        reconciled = meter.CreateCounter<long>("lentigo.reconciled", "{image}", "Images that the triggers missed and the reconciliation classified.");
        poison = meter.CreateCounter<long>("lentigo.poison", "{message}", "Messages of the poison queues: images that failed as often as the host tries.");

        Histogram<double> Seconds(string name, string description) =>
            meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = SecondBounds });
    }

    /// <summary>Spans of the work on one image.</summary>
    internal static ActivitySource Activities { get; } = new(Name);

    /// <summary>Watches the length of a queue.</summary>
    internal void ObserveQueue(Func<int> waiting, Func<int> ready) => meter.CreateObservableGauge(
        "lentigo.queue.length",
        () => new Measurement<int>[] { new(waiting(), new KeyValuePair<string, object?>("state", "waiting")), new(ready(), new KeyValuePair<string, object?>("state", "decoded")) },
        "{image}",
        "Images that wait to be decoded, and decoded ones that wait to be classified.");

    /// <summary>Watches a model that serves.</summary>
    internal void ObserveModel(string name, Func<ModelManifest?> manifest, Func<RefusedVersion?> refused)
    {
        meter.CreateObservableGauge(
            "lentigo.model.info",
            () => manifest() is { } m ? [new(1, new("name", m.Name), new("version", m.Version))] : Array.Empty<Measurement<int>>(),
            description: "1 for the model that serves.");
        meter.CreateObservableGauge("lentigo.model.refused", () => new Measurement<int>(refused() is null ? 0 : 1, new KeyValuePair<string, object?>("name", name)), description: "1 while the published version of the model is refused and an older one serves.");
    }

    internal void Request(string function, int status, TimeSpan duration) => requests.Record(duration.TotalSeconds, new("function", function), new("status", status));

    internal void Decoded(TimeSpan duration) => decoding.Record(duration.TotalSeconds);

    internal void Classified(int images, TimeSpan duration)
    {
        batches.Record(images);
        inference.Record(duration.TotalSeconds);
    }

    internal void Answered(Prediction answer, string source)
    {
        answers.Add(1, new("class", answer.Label.Code), new("recommendation", answer.Triage?.Recommendation ?? "none"), new("version", answer.Model.Version), new("source", source));
        if (answer.Suitability is { } score)
        {
            suitability.Record(score.Score);
        }
    }

    internal void Rejected(string reason, string source) => rejections.Add(1, new("reason", reason), new("source", source));

    internal void ResultWritten(string status) => results.Add(1, new KeyValuePair<string, object?>("status", status));

    internal void Reconciled(int images) => reconciled.Add(images);

    internal void Poison() => poison.Add(1);

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();
}
