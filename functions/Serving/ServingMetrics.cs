using System.Diagnostics;
using System.Diagnostics.Metrics;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The service's telemetry: a <see cref="Meter"/> and an <see cref="ActivitySource"/>, both named <c>Lentigo</c>. docs/operations.md explains each metric. No
/// metric contains a name or an id.
/// </summary>
public sealed class ServingMetrics : IDisposable
{
    /// <summary>The name of the meter and of the activity source.</summary>
    public const string Name = "Lentigo";

    /// <summary>The source of an image: an HTTP request.</summary>
    internal const string ByHttp = "http";

    /// <summary>The source of an image: a blob.</summary>
    internal const string ByBlob = "blob";

    private static readonly double[] SecondBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
    private static readonly double[] ShareBounds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    private static readonly double[] DifferenceBounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];
    private readonly Meter meter = new(Name);
    private readonly Counter<long> answers, rejections, results, reconciled, poison, candidateFailures, shadows, agreement;
    private readonly Histogram<double> requests, decoding, inference, suitability, difference;
    private readonly Histogram<int> batches;

    /// <summary>Creates the instruments.</summary>
    public ServingMetrics()
    {
        requests = Seconds("lentigo.request.duration", "HTTP requests by function and status, from their first byte to their answer.");
        decoding = Seconds("lentigo.decode.duration", "Decoding of one image.");
        inference = Seconds("lentigo.inference.duration", "One run of the graph over one batch.");
        batches = meter.CreateHistogram("lentigo.batch.size", "{image}", "Images in a batch.", advice: new InstrumentAdvice<int> { HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64] });
        suitability = meter.CreateHistogram(
            "lentigo.suitability", "1", "How similar an image is to the training images, 0 to 1: input drift lowers it.", advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = ShareBounds });
        answers = meter.CreateCounter<long>("lentigo.answers", "{image}", "Classified images by most probable class, recommendation and model version.");
        rejections = meter.CreateCounter<long>("lentigo.rejections", "{image}", "Images that could not be classified, by reason: the share of not-dermoscopy shows what users send.");
        results = meter.CreateCounter<long>("lentigo.results", "{image}", "Results written for dropped images, by status.");
        reconciled = meter.CreateCounter<long>("lentigo.reconciled", "{image}", "Images that the triggers missed and the reconciliation classified.");
        candidateFailures = meter.CreateCounter<long>(
            "lentigo.candidate.failures", "{image}", "Images on which the candidate failed; the serving version answers them.");
        shadows = meter.CreateCounter<long>(
            "lentigo.shadow.images", "{image}",
            "Images for the candidate to classify in the background, by outcome: compared, rejected, failed, or busy where too many waited.");
        agreement = meter.CreateCounter<long>(
            "lentigo.shadow.agreement", "{image}", "Images that both versions classified, by whether their top class and recommendation agree.");
        difference = meter.CreateHistogram(
            "lentigo.shadow.difference", "1", "Absolute difference between the probabilities of malignancy of both versions, 0 to 1.",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = DifferenceBounds });
        poison = meter.CreateCounter<long>("lentigo.poison", "{message}", "Messages of the poison queues: images that failed in every attempt of the host.");

        Histogram<double> Seconds(string name, string description) =>
            meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = SecondBounds });
    }

    /// <summary>The activity source for the processing of one image.</summary>
    internal static ActivitySource Activities { get; } = new(Name);

    /// <summary>Observes the length of a queue.</summary>
    internal void ObserveQueue(Func<int> waiting, Func<int> ready) => meter.CreateObservableGauge(
        "lentigo.queue.length",
        () => new Measurement<int>[] { new(waiting(), new KeyValuePair<string, object?>("state", "waiting")), new(ready(), new KeyValuePair<string, object?>("state", "decoded")) },
        "{image}",
        "Images waiting to be decoded, and decoded images waiting to be classified.");

    /// <summary>Observes a serving model.</summary>
    internal void ObserveModel(string name, Func<ModelManifest?> manifest, Func<RefusedVersion?> refused)
    {
        meter.CreateObservableGauge(
            "lentigo.model.info",
            () => manifest() is { } m ? [new(1, new("name", m.Name), new("version", m.Version))] : Array.Empty<Measurement<int>>(),
            description: "1 for the serving model.");
        meter.CreateObservableGauge("lentigo.model.refused", () => new Measurement<int>(refused() is null ? 0 : 1, new KeyValuePair<string, object?>("name", name)), description: "1 while the published version of the model is refused and an older one serves.");
    }

    /// <summary>Observes the candidate.</summary>
    internal void ObserveCandidate(Func<CandidateStatus> status) => meter.CreateObservableGauge(
        "lentigo.candidate.info",
        () => status() is var c ? new Measurement<int>(1, new("name", c.Name), new("version", c.Version), new("state", c.State)) : default,
        description: "1 for the candidate, with its state: loading, ready, refused or serving.");

    internal void Request(string function, int status, TimeSpan duration) => requests.Record(duration.TotalSeconds, new("function", function), new("status", status));

    internal void Decoded(TimeSpan duration) => decoding.Record(duration.TotalSeconds);

    internal void Classified(int images, TimeSpan duration)
    {
        batches.Record(images);
        inference.Record(duration.TotalSeconds);
    }

    internal void Answered(Prediction answer, string source)
    {
        answers.Add(
            1, new("class", answer.Label.Code), new("recommendation", Recommendation(answer)),
            new("name", answer.Model.Name), new("version", answer.Model.Version), new("source", source));
        if (answer.Suitability is { } score)
        {
            suitability.Record(score.Score);
        }
    }

    internal void Rejected(string reason, string source) => rejections.Add(1, new("reason", reason), new("source", source));

    internal void ResultWritten(string status) => results.Add(1, new KeyValuePair<string, object?>("status", status));

    internal void Reconciled(int images) => reconciled.Add(images);

    internal void CandidateFailed(ModelReference candidate) => candidateFailures.Add(1, new KeyValuePair<string, object?>("candidate", NameOf(candidate)));

    /// <summary>Counts an image that the candidate was to classify in the background.</summary>
    internal void Shadowed(CandidateStatus candidate, ModelReference model, string outcome) =>
        shadows.Add(1, new("model", NameOf(model)), new("candidate", $"{candidate.Name}/{candidate.Version}"), new("outcome", outcome));

    /// <summary>Records the agreement of two versions on an image.</summary>
    internal void Compared(Prediction answer, Prediction other)
    {
        KeyValuePair<string, object?> model = new("model", NameOf(answer.Model)), candidate = new("candidate", NameOf(other.Model));
        agreement.Add(
            1, model, candidate,
            new("class", Same(answer.Label.Code, other.Label.Code)), new("recommendation", Same(Recommendation(answer), Recommendation(other))));
        difference.Record(Math.Abs(MalignantProbability(answer) - MalignantProbability(other)), model, candidate);
    }

    internal void Poison() => poison.Add(1);

    private static string NameOf(ModelReference model) => $"{model.Name}/{model.Version}";

    private static string Recommendation(Prediction answer) => answer.Triage?.Recommendation ?? "none";

    private static string Same(string one, string other) => one == other ? "same" : "different";

    private static double MalignantProbability(Prediction answer) => answer.Probabilities.Where(p => p.Malignant).Sum(p => p.Probability);

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();
}
