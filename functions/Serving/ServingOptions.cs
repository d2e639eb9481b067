using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Serving;

/// <summary>The settings of the app: the section <c>Lentigo</c>, in environment variables <c>Lentigo__Model</c> and so on.</summary>
public sealed record ServingOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Lentigo";

    /// <summary>The model that serves: a folder of the container <c>models</c>.</summary>
    public string Model { get; init; } = "lentigo";

    /// <summary>
    /// The class prior of answers where a caller names none: <c>natural</c> is the model's own, <c>uniform</c> that of equally frequent classes; or seven numbers,
    /// separated by commas, for a clinic that knows its own mix.
    /// </summary>
    public string Prior { get; init; } = ClassPrior.Natural;

    /// <summary>What becomes of an image that is no dermoscopy image, where a caller does not say: <c>refuse</c>, or <c>warn</c> and answer.</summary>
    public string Suitability { get; init; } = Refuse;

    /// <summary>The <see cref="Suitability"/> that refuses.</summary>
    internal const string Refuse = "refuse";

    /// <summary>The <see cref="Suitability"/> that answers with a warning.</summary>
    internal const string Warn = "warn";

    /// <summary>What of an answer a caller gets who chooses nothing.</summary>
    internal PredictionOptions Defaults => new() { Decision = new(Prior), AnswerUnsuitable = Suitability == Warn };

    /// <summary>
    /// Whether answers to HTTP callers are kept in the container <c>answers</c>, without image, so that a confirmed diagnosis can be recorded for them. Answers to
    /// dropped images are results and kept in any case.
    /// </summary>
    public bool KeepAnswers { get; init; }

    /// <summary>
    /// Whether a dropped image gets a heat map beside its result: <c>results/{name}.heatmap.png</c>, the map of the most probable class over the image. Packages without
    /// maps give none.
    /// </summary>
    public bool Heatmaps { get; init; }

    /// <summary>
    /// The models that a call may ask for by name, separated by commas, beside <see cref="Model"/>, which answers the others. Each is loaded when it is first asked for and
    /// stays in memory; at most <see cref="MaxModels"/>.
    /// </summary>
    public string Models { get; init; } = "";

    /// <summary>The most models that may be in memory, the <see cref="Candidate"/> counted.</summary>
    internal const int MaxModels = 4;

    /// <summary>The names of all models that may be asked for, <see cref="Model"/> first.</summary>
    internal IReadOnlyList<string> ModelNames => [.. Models.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Prepend(Model).Distinct(StringComparer.Ordinal)];

    /// <summary>
    /// A version that is tried beside the one that serves: <c>{version}</c> of <see cref="Model"/>, or <c>{name}/{version}</c>. It must be in the container
    /// <c>models</c>, stays in memory, and counts as one of <see cref="MaxModels"/>. Empty for none.
    /// </summary>
    public string Candidate { get; init; } = "";

    /// <summary>
    /// The share of the images, 0 to 1, over HTTP and dropped, that <see cref="Candidate"/> answers. The image's bytes decide, so that an image always gets the
    /// same answer.
    /// </summary>
    public double CandidateShare { get; init; }

    /// <summary>
    /// The share of the other images, 0 to 1, that <see cref="Candidate"/> classifies too, in the background, to count how far it agrees with the version that
    /// serves.
    /// </summary>
    public double CandidateShadow { get; init; }

    /// <summary>What <see cref="Candidate"/> names; null where it is empty.</summary>
    internal ModelReference? CandidateReference => Candidate.Length == 0 ? null
        : Candidate.Split('/') is [var name, var version] ? new(name, version)
        : new(Model, Candidate);

    /// <summary>Whether a dropped image gets a FHIR report beside its result: <c>results/{name}.fhir.json</c>.</summary>
    public bool FhirResults { get; init; }

    /// <summary>How often to look whether another version of the model was published.</summary>
    public TimeSpan ModelPollInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How old an image without a current result is when the reconciliation classifies it. Younger images are left to the blob triggers.</summary>
    public TimeSpan ReconcileAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether the log names images by a keyed hash instead of their blobs' names, which may hold patients' data.</summary>
    public bool HashNames { get; init; } = true;

    /// <summary>The secret key of these hashes, the same for all instances, so that they hash a name alike; empty for a random one of each process.</summary>
    public string HashNamesKey { get; init; } = "";

    /// <summary>Whether <c>GET /api/metrics</c> tells what this instance measures of itself.</summary>
    public bool Metrics { get; init; }

    /// <summary>Where fetched packages are kept: the last two of each model. What is there already is not fetched again. Several apps may share it.</summary>
    public string CacheFolder { get; init; } = BlobModelStore.DefaultCacheFolder;

    /// <summary><c>auto</c> takes the GPU if it works and the CPU otherwise; <c>cpu</c> and <c>cuda</c> take that one or none.</summary>
    public InferenceDevice Device { get; init; } = InferenceDevice.Auto;

    /// <summary>Threads within one inference; 0 is one for each processor that the app's container may use.</summary>
    public int Threads { get; init; }

    /// <summary>The most images that go through the model's graph together. A larger batch costs less an image, up to about this size, and needs more memory.</summary>
    public int MaxBatchSize { get; init; } = 8;

    /// <summary>How long a decoded image may wait, while others are decoded, to be classified together with them. An image that nobody waits beside never waits.</summary>
    public TimeSpan MaxBatchDelay { get; init; } = TimeSpan.FromMilliseconds(30);

    /// <summary>How many images of HTTP callers may be classified or wait at once; a further one is answered 503 and shall come again.</summary>
    public int MaxPendingImages { get; init; } = 200;

    /// <summary>How many requests a minute one caller may make of one instance, a function key or else a client's address; 0 is no limit.</summary>
    public int MaxRequestsPerMinute { get; init; }

    /// <summary>How many requests of one caller may be in flight on one instance; 0 is no limit.</summary>
    public int MaxConcurrentRequests { get; init; }

    /// <summary>How many images one HTTP request may hold.</summary>
    public int MaxImagesPerRequest { get; init; } = 32;

    /// <summary>How many bytes one HTTP request with several images may have.</summary>
    public long MaxRequestBytes { get; init; } = 100_000_000;

    /// <summary>How many bytes of HTTP requests may be in memory at once; a request beyond it is answered 503 and shall come again.</summary>
    public long MaxPendingBytes { get; init; } = 400_000_000;

    /// <summary>
    /// How many bytes of images that cannot be decoded by rows, such as interlaced PNG and progressive JPEG, may be in memory at once; a further one waits. The default is
    /// what the largest image of 50 megapixels takes.
    /// </summary>
    public long MaxDecodingBytes { get; init; } = 400_000_000;

    /// <summary>How long the body of an HTTP request may take to arrive.</summary>
    public TimeSpan BodyDeadline { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>How many bytes a second of an HTTP request's body must arrive, on average since its beginning.</summary>
    public int MinBodyBytesPerSecond { get; init; } = 4000;

    /// <summary>How far the body of an HTTP request may be behind <see cref="MinBodyBytesPerSecond"/>.</summary>
    public TimeSpan BodyGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The largest image file in bytes.</summary>
    public long MaxImageBytes { get; init; } = new ImageLimits().MaxBytes;

    /// <summary>The most pixels of an image.</summary>
    public long MaxImagePixels { get; init; } = new ImageLimits().MaxPixels;

    /// <summary>Both limits.</summary>
    internal ImageLimits Limits => new() { MaxBytes = MaxImageBytes, MaxPixels = MaxImagePixels };

    /// <summary>The options if they make sense.</summary>
    /// <exception cref="InvalidOperationException">One does not; the message names it.</exception>
    internal ServingOptions Checked()
    {
        string? fault = this switch
        {
            _ when ClassPrior.Parse(Prior, ClassPrior.UniformShares) is null => $"{nameof(Prior)} '{Prior}' is neither {ClassPrior.Natural} nor {ClassPrior.Uniform} nor seven numbers above 0",
            _ when Suitability is not (Refuse or Warn) => $"{nameof(Suitability)} '{Suitability}' is neither {Refuse} nor {Warn}",
            _ when CandidateReference is { } c && !(ModelPackage.IsPlainName(c.Name) && ModelPackage.IsPlainName(c.Version)) =>
                $"{nameof(Candidate)} '{Candidate}' is neither a version nor a model's name and a version with a slash between them",
            _ when CandidateShare is not (>= 0 and <= 1) => $"{nameof(CandidateShare)} {CandidateShare} is not between 0 and 1",
            _ when CandidateShadow is not (>= 0 and <= 1) => $"{nameof(CandidateShadow)} {CandidateShadow} is not between 0 and 1",
            { Candidate: "", CandidateShare: > 0 } => $"{nameof(CandidateShare)} {CandidateShare} is above 0, but {nameof(Candidate)} names no version",
            { Candidate: "", CandidateShadow: > 0 } => $"{nameof(CandidateShadow)} {CandidateShadow} is above 0, but {nameof(Candidate)} names no version",
            { Candidate.Length: > 0, ModelNames.Count: MaxModels } =>
                $"{nameof(Candidate)} '{Candidate}' would be one more than the {MaxModels} models that may be in memory, those of {nameof(Models)} counted",
            { ModelNames.Count: > MaxModels } => $"{nameof(Models)} '{Models}' names more than {MaxModels} models, {nameof(Model)} counted",
            { HashNamesKey.Length: > 0 and < 16 } => $"{nameof(HashNamesKey)} has fewer than 16 characters",
            { Model: "" } => $"{nameof(Model)} is empty",
            _ when ModelPollInterval < TimeSpan.FromMilliseconds(50) || ModelPollInterval > TimeSpan.FromDays(1) => $"{nameof(ModelPollInterval)} {ModelPollInterval} is not between 50 ms and a day",
            _ when ReconcileAfter < TimeSpan.FromSeconds(1) || ReconcileAfter > TimeSpan.FromDays(1) => $"{nameof(ReconcileAfter)} {ReconcileAfter} is not between 1 s and a day",
            { Threads: < 0 } => $"{nameof(Threads)} {Threads} is negative",
            { MaxRequestsPerMinute: < 0 } => $"{nameof(MaxRequestsPerMinute)} {MaxRequestsPerMinute} is negative",
            { MaxConcurrentRequests: < 0 } => $"{nameof(MaxConcurrentRequests)} {MaxConcurrentRequests} is negative",
            { MaxPendingImages: < 1 } => $"{nameof(MaxPendingImages)} {MaxPendingImages} is not above 0",
            { MaxImageBytes: < 1 or > int.MaxValue / 2 } => $"{nameof(MaxImageBytes)} {MaxImageBytes} is not between 1 and {int.MaxValue / 2}",
            { MaxBatchSize: < 1 or > 1000 } => $"{nameof(MaxBatchSize)} {MaxBatchSize} is not between 1 and 1000",
            _ when MaxBatchDelay < TimeSpan.Zero || MaxBatchDelay > TimeSpan.FromSeconds(10) => $"{nameof(MaxBatchDelay)} {MaxBatchDelay} is not between 0 and 10 seconds",
            _ when MaxImagesPerRequest < 1 || MaxImagesPerRequest > MaxPendingImages =>
                $"{nameof(MaxImagesPerRequest)} {MaxImagesPerRequest} is not between 1 and {nameof(MaxPendingImages)}, {MaxPendingImages}",
            _ when MaxRequestBytes < MaxImageBytes => $"{nameof(MaxRequestBytes)} {MaxRequestBytes} is below {nameof(MaxImageBytes)}, {MaxImageBytes}",
            _ when MaxPendingBytes < MaxRequestBytes => $"{nameof(MaxPendingBytes)} {MaxPendingBytes} is below {nameof(MaxRequestBytes)}, {MaxRequestBytes}",
            { MaxDecodingBytes: < 1 } => $"{nameof(MaxDecodingBytes)} {MaxDecodingBytes} is not above 0",
            _ when BodyDeadline <= TimeSpan.Zero || BodyDeadline > TimeSpan.FromDays(1) => $"{nameof(BodyDeadline)} {BodyDeadline} is not between 0 and a day",
            _ when BodyGrace <= TimeSpan.Zero || BodyGrace > TimeSpan.FromDays(1) => $"{nameof(BodyGrace)} {BodyGrace} is not between 0 and a day",
            { MinBodyBytesPerSecond: < 1 } => $"{nameof(MinBodyBytesPerSecond)} {MinBodyBytesPerSecond} is not above 0",
            { MaxImagePixels: < 1 } => $"{nameof(MaxImagePixels)} {MaxImagePixels} is not above 0",
            _ => null,
        };
        return fault is null ? this : throw new InvalidOperationException($"The setting {Section}__{fault}. Correct it and start again.");
    }
}
