using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Serving;

/// <summary>The app's settings: the section <c>Lentigo</c>, in environment variables <c>Lentigo__Model</c> and so on.</summary>
public sealed record ServingOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Lentigo";

    /// <summary>The serving model: a folder of the container <c>models</c>.</summary>
    public string Model { get; init; } = "lentigo";

    /// <summary>
    /// The class prior for callers that specify none: <c>natural</c> is the model's own, <c>uniform</c> assumes equally frequent classes; or seven numbers,
    /// separated by commas, for a clinic that knows its own case mix.
    /// </summary>
    public string Prior { get; init; } = ClassPrior.Natural;

    /// <summary>
    /// What happens to an image that is not a dermoscopy image if the caller does not specify it: <c>refuse</c> it, or <c>warn</c> and classify it.
    /// </summary>
    public string Suitability { get; init; } = Refuse;

    /// <summary>The value of <see cref="Suitability"/> that rejects the image.</summary>
    internal const string Refuse = "refuse";

    /// <summary>The value of <see cref="Suitability"/> that classifies the image with a warning.</summary>
    internal const string Warn = "warn";

    /// <summary>The options for callers that specify none.</summary>
    internal PredictionOptions Defaults => new() { Decision = new(Prior), AnswerUnsuitable = Suitability == Warn };

    /// <summary>
    /// Whether answers to HTTP requests are stored in the container <c>answers</c>, without the image, so that a confirmed diagnosis can be recorded for
    /// them. Answers to dropped images are results, which are always stored.
    /// </summary>
    public bool KeepAnswers { get; init; }

    /// <summary>
    /// Whether a heat map is written next to the result of a dropped image: <c>results/{name}.heatmap.png</c>, the map of the most probable class over the
    /// image. Packages without maps produce none.
    /// </summary>
    public bool Heatmaps { get; init; }

    /// <summary>
    /// The models that callers can select by name, separated by commas, in addition to <see cref="Model"/>, which answers all other requests. Each is loaded
    /// on first use and stays in memory; at most <see cref="MaxModels"/>.
    /// </summary>
    public string Models { get; init; } = "";

    /// <summary>The maximum number of models in memory, including the <see cref="Candidate"/>.</summary>
    internal const int MaxModels = 4;

    /// <summary>The names of all models that callers can select, <see cref="Model"/> first.</summary>
    internal IReadOnlyList<string> ModelNames => [.. Models.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Prepend(Model).Distinct(StringComparer.Ordinal)];

    /// <summary>
    /// A version that is tried alongside the serving one: <c>{version}</c> of <see cref="Model"/>, or <c>{name}/{version}</c>. It must be in the container
    /// <c>models</c>, stays in memory, and counts toward <see cref="MaxModels"/>. Empty for none.
    /// </summary>
    public string Candidate { get; init; } = "";

    /// <summary>
    /// The fraction of images, 0 to 1, over HTTP and dropped, that <see cref="Candidate"/> answers. It is selected by the image's bytes, so the same image is
    /// always answered by the same version.
    /// </summary>
    public double CandidateShare { get; init; }

    /// <summary>
    /// The fraction of the remaining images, 0 to 1, that <see cref="Candidate"/> also classifies in the background, to measure its agreement with the
    /// serving version.
    /// </summary>
    public double CandidateShadow { get; init; }

    /// <summary>The version that <see cref="Candidate"/> names; null if it is empty.</summary>
    internal ModelReference? CandidateReference => Candidate.Length == 0 ? null
        : Candidate.Split('/') is [var name, var version] ? new(name, version)
        : new(Model, Candidate);

    /// <summary>Whether a FHIR report is written next to the result of a dropped image: <c>results/{name}.fhir.json</c>.</summary>
    public bool FhirResults { get; init; }

    /// <summary>How often to check for a newly published version of the model.</summary>
    public TimeSpan ModelPollInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The age at which the reconciliation classifies an image that has no current result. Younger images are left to the blob triggers.</summary>
    public TimeSpan ReconcileAfter { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Whether the log refers to images by a keyed hash instead of their blobs' names, which may contain patient data.</summary>
    public bool HashNames { get; init; } = true;

    /// <summary>
    /// The secret key of these hashes. Set the same key on all instances so that their hashes agree; if empty, each process uses a random key.
    /// </summary>
    public string HashNamesKey { get; init; } = "";

    /// <summary>Whether <c>GET /api/metrics</c> returns this instance's metrics.</summary>
    public bool Metrics { get; init; }

    /// <summary>
    /// The folder in which fetched packages are cached: the last two of each model. Cached packages are not fetched again. Several apps can share the folder.
    /// </summary>
    public string CacheFolder { get; init; } = BlobModelStore.DefaultCacheFolder;

    /// <summary><c>auto</c> uses the GPU if it works and the CPU otherwise; <c>cpu</c> and <c>cuda</c> use only that device.</summary>
    public InferenceDevice Device { get; init; } = InferenceDevice.Auto;

    /// <summary>The number of threads per inference; 0 means one per processor available to the app's container.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// The maximum number of images that go through the model's graph together. Up to about the default, a larger batch costs less per image; it also needs
    /// more memory.
    /// </summary>
    public int MaxBatchSize { get; init; } = 8;

    /// <summary>
    /// The maximum time that a decoded image waits while others are decoded, in order to be classified together with them. An image that arrives alone never
    /// waits.
    /// </summary>
    public TimeSpan MaxBatchDelay { get; init; } = TimeSpan.FromMilliseconds(30);

    /// <summary>
    /// The maximum number of images of HTTP callers being classified or waiting; for further images the response is 503 with a request to retry.
    /// </summary>
    public int MaxPendingImages { get; init; } = 200;

    /// <summary>
    /// The maximum number of requests per minute from one caller (a function key, or else a client's IP address) to one instance; 0 means no limit.
    /// </summary>
    public int MaxRequestsPerMinute { get; init; }

    /// <summary>The maximum number of concurrent requests from one caller to one instance; 0 means no limit.</summary>
    public int MaxConcurrentRequests { get; init; }

    /// <summary>The maximum number of images in one HTTP request.</summary>
    public int MaxImagesPerRequest { get; init; } = 32;

    /// <summary>The maximum size in bytes of an HTTP request with several images.</summary>
    public long MaxRequestBytes { get; init; } = 100_000_000;

    /// <summary>The maximum number of bytes of HTTP requests in memory at once; beyond it the response is 503 with a request to retry.</summary>
    public long MaxPendingBytes { get; init; } = 400_000_000;

    /// <summary>
    /// The memory budget in bytes for images that cannot be decoded row by row, such as interlaced PNG and progressive JPEG; further images wait. The default
    /// is what the largest image of 50 megapixels takes.
    /// </summary>
    public long MaxDecodingBytes { get; init; } = 400_000_000;

    /// <summary>The maximum time for the body of an HTTP request to arrive.</summary>
    public TimeSpan BodyDeadline { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>The minimum data rate of the body of an HTTP request in bytes per second, averaged since its start.</summary>
    public int MinBodyBytesPerSecond { get; init; } = 4000;

    /// <summary>The time by which the body of an HTTP request may lag behind <see cref="MinBodyBytesPerSecond"/>.</summary>
    public TimeSpan BodyGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The maximum size of an image file in bytes.</summary>
    public long MaxImageBytes { get; init; } = new ImageLimits().MaxBytes;

    /// <summary>The maximum number of pixels of an image.</summary>
    public long MaxImagePixels { get; init; } = new ImageLimits().MaxPixels;

    /// <summary>The image size limits: bytes and pixels.</summary>
    internal ImageLimits Limits => new() { MaxBytes = MaxImageBytes, MaxPixels = MaxImagePixels };

    /// <summary>Validates the options and returns them.</summary>
    /// <exception cref="InvalidOperationException">An option is invalid; the message names it.</exception>
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
                $"{nameof(Candidate)} '{Candidate}' would be one more than the {MaxModels} models that may be in memory, including those of {nameof(Models)}",
            { ModelNames.Count: > MaxModels } => $"{nameof(Models)} '{Models}' names more than {MaxModels} models, including {nameof(Model)}",
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
