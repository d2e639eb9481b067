using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Lentigo.Core.Imaging;
using Lentigo.Core.Predictions;
using Lentigo.Core.Storage;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Fhir;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Processes images dropped into the container <c>lesions</c>: the result of <c>lesions/{name}</c> is <c>results/{name}.json</c>. Processing is idempotent,
/// and if a blob has several versions, the result of the newest one prevails.
/// </summary>
public sealed class LesionBlobs(
    Classification classification, CurrentModel current, BlobServiceClient storage, ResultIndex index, ServingMetrics metrics, LogNames names, ServingOptions options, IConfiguration configuration, TimeProvider time, ILogger<LesionBlobs> log)
{
    /// <summary>The container that images are dropped into.</summary>
    public const string LesionsContainer = "lesions";

    /// <summary>The container in which results are stored.</summary>
    public const string ResultsContainer = "results";

    /// <summary>The suffix that turns an image's name into its result's name.</summary>
    internal const string ResultSuffix = ".json";

    /// <summary>The metadata key of a result that stores the ETag of the image version it belongs to, without quotes, so that listings include it.</summary>
    internal const string SourceETagMetadata = "sourceetag";

    /// <summary>The suffix that turns an image's name into its heat map's name.</summary>
    internal const string HeatmapSuffix = ".heatmap.png";

    /// <summary>The suffix that turns an image's name into its FHIR report's name.</summary>
    internal const string FhirSuffix = ".fhir.json";

    /// <summary>The metadata key that distinguishes a FHIR report from the result of an image whose name has the same ending.</summary>
    internal const string FhirMetadata = "fhir";

    private const int MaxAttempts = 10;

    /// <summary>
    /// The first pause after a write that lost a race or met a lease; it doubles up to <see cref="LongestPause"/>, thirteen seconds in total.
    /// </summary>
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50), LongestPause = TimeSpan.FromSeconds(3);

    /// <summary>The pause before the host's next attempt, since a storage failure is rarely over at once.</summary>
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(2);

    /// <summary>Calls <see cref="ClassifyAsync"/> for a trigger: after a failure it pauses before the host may try again.</summary>
    /// <inheritdoc cref="ClassifyAsync"/>
    public async Task ClassifyTriggeredAsync(string name, string id, CancellationToken cancellationToken)
    {
        try
        {
            await ClassifyAsync(name, id, cancellationToken);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            await Task.Delay(PauseAfterFailure, time, cancellationToken);
            throw;
        }
    }

    /// <summary>
    /// Classifies a blob and writes its result, unless the result already exists; an image that cannot be classified gets a rejected result. Waits until a
    /// model is loaded.
    /// </summary>
    /// <param name="name">The blob's name in the container <c>lesions</c>.</param>
    /// <param name="id">Identifies the result.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    public async Task ClassifyAsync(string name, string id, CancellationToken cancellationToken)
    {
        try
        {
            await current.Loaded.WaitAsync(cancellationToken);
            // Nearly every image is new, so it is classified before checking for an existing result: two storage calls instead of four.
            LesionResult? answer = await AnswerAsync(name, id, cancellationToken);
            string? status = answer is null ? null
                : await TryCreateAsync(ResultOf(name), answer, cancellationToken) ? answer.Status
                : await WriteAsync(ResultOf(name), AnswerUnlessAnsweredAsync, cancellationToken);
            Count(status);
            log.LogInformation("{Id}: Image '{Name}': {Outcome}", id, names.Of(name), status ?? "nothing to do, it was deleted or has a result");

            async Task<LesionResult?> AnswerUnlessAnsweredAsync(LesionResult? before)
            {
                if (await SourceOfAsync(name, cancellationToken) is not { } source || (before?.Status is LesionResult.Classified or LesionResult.Rejected && before.Source.ETag == source.ETag))
                {
                    return null;
                }

                // A write that lost a race calls this again: the image is classified again only if it has changed.
                return answer = answer?.Source.ETag == source.ETag ? answer : await AnswerAsync(name, id, cancellationToken);
            }
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            log.LogError("{Id}: The image '{Name}' could not be processed: {Reason}", id, names.Of(name), FirstLine(e.Message));
            throw;
        }
    }

    /// <summary>
    /// Writes a failed result for the blob named by a message of the poison queue. If that fails, the image is left to the reconciliation: a message that
    /// failed here would end up in a queue that nothing reads.
    /// </summary>
    /// <remarks>
    /// The number of attempts comes from the host's setting, if it is set; otherwise the result says 'several'. The host does not report the number: it
    /// copies only the text of a message to the poison queue (QueueProcessor of azure-sdk-for-net), and the copy's DequeueCount counts the attempts of this
    /// report.
    /// </remarks>
    /// <param name="message">The host's message about the blob.</param>
    /// <param name="id">Identifies the result.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    public Task ReportPoisonBlobAsync(string message, string id, CancellationToken cancellationToken) => ReportMessageAsync(
        () => PoisonBlob.Parse(message) is { Container: LesionsContainer } poison ? (poison.Name, poison.ETag) : null, id, TriesOf("blobs:poisonBlobThreshold"), cancellationToken);

    /// <summary>The counterpart of <see cref="ReportPoisonBlobAsync"/> for an event that failed in every attempt of the host.</summary>
    /// <param name="message">The event.</param>
    /// <param name="id">Identifies the result.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    public Task ReportPoisonEventAsync(string message, string id, CancellationToken cancellationToken) => ReportMessageAsync(
        () => BlobCreatedEvent.Parse(message, LesionsContainer) is { } created ? (created.Name, created.ETag) : null, id, TriesOf("queues:maxDequeueCount"), cancellationToken);

    /// <summary>The maximum number of attempts according to the host's settings, which take precedence over host.json; null if it is not set there.</summary>
    private int? TriesOf(string setting) =>
        int.TryParse(configuration[$"AzureFunctionsJobHost:extensions:{setting}"], CultureInfo.InvariantCulture, out int tries) ? tries : null;

    private async Task ReportMessageAsync(Func<(string Name, string? ETag)?> parse, string id, int? tries, CancellationToken cancellationToken)
    {
        metrics.Poison();
        string image = "unknown";
        try
        {
            if (parse() is not { } failed)
            {
                log.LogWarning("{Id}: A message in the poison queue concerns another container, which is not this app's; it is discarded.", id);
                return;
            }

            image = names.Of(failed.Name);
            await ReportFailureAsync(failed.Name, failed.ETag, id, tries, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            log.LogError("{Id}: {Reason} The message is discarded; if an image has no result, the reconciliation finds it.", id, e.Message);
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException && !cancellationToken.IsCancellationRequested)
        {
            log.LogError("{Id}: The failed result of the image '{Name}' could not be written: {Reason} The reconciliation will process the image again.", id, image, FirstLine(e.Message));
        }
    }

    /// <summary>Writes a failed result for a blob whose processing failed in every attempt, unless it has a result, has changed or was deleted.</summary>
    /// <param name="name">The blob's name in the container <c>lesions</c>.</param>
    /// <param name="etag">The version that failed, without quotes; null matches any version.</param>
    /// <param name="id">Identifies the result.</param>
    /// <param name="tries">The number of attempts; null if unknown.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    internal async Task ReportFailureAsync(string name, string? etag, string id, int? tries, CancellationToken cancellationToken)
    {
        string? status = await WriteAsync(ResultOf(name), FailUnlessAnsweredAsync, cancellationToken);
        Count(status);
        log.LogInformation("{Id}: Image '{Name}': {Outcome}", id, names.Of(name), status ?? "nothing to report, it was deleted, changed or has a result");

        async Task<LesionResult?> FailUnlessAnsweredAsync(LesionResult? before) =>
            await SourceOfAsync(name, cancellationToken) is { } source && (etag is null || source.ETag?.Trim('"') == etag) && before?.Source.ETag != source.ETag
                ? LesionResult.From(LesionResult.Failed, id, Problem.ProcessingFailed(tries), source, time.GetUtcNow())
                : null;
    }

    private void Count(string? status)
    {
        if (status is not null)
        {
            metrics.ResultWritten(status);
        }
    }

    private BlobClient LesionOf(string name) => storage.GetBlobContainerClient(LesionsContainer).GetBlobClient(DotSegments.Keep(name));

    private BlobClient ResultOf(string name) => storage.GetBlobContainerClient(ResultsContainer).GetBlobClient(DotSegments.Keep(ResultName.Of(name, ResultSuffix)));

    private async Task<SourceBlob?> SourceOfAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            BlobProperties properties = await LesionOf(name).GetPropertiesAsync(cancellationToken: cancellationToken);
            return new(name, properties.ETag.ToString(), properties.ContentLength, properties.LastModified);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <summary>
    /// Writes a result only if no other result was written in the meantime; otherwise requests the result again. Since the image is read after the existing
    /// result, the last writer has seen the newest image.
    /// </summary>
    /// <returns>The status that was written, or null if there is nothing to write.</returns>
    private async Task<string?> WriteAsync(BlobClient result, Func<LesionResult?, Task<LesionResult?>> answer, CancellationToken cancellationToken)
    {
        for (int attempt = 1; ; attempt++)
        {
            (LesionResult? before, BlobRequestConditions unchanged) = await ReadAsync(result, cancellationToken);
            LesionResult? document = await answer(before);
            if (document is null)
            {
                return null;
            }

            try
            {
                await UploadAsync(result, document, unchanged, cancellationToken);
                return document.Status;
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound && attempt < MaxAttempts)
            {
                await result.GetParentBlobContainerClient().CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            }
            catch (RequestFailedException e) when (e.Status is 409 or 412 && attempt < MaxAttempts)
            {
                await PauseAsync(attempt, cancellationToken); // another result was written in the meantime, or the blob is leased
            }
        }
    }

    /// <summary>Waits for the exponential backoff with jitter.</summary>
    private Task PauseAsync(int attempt, CancellationToken cancellationToken) =>
        Task.Delay(TimeSpan.FromTicks(Math.Min(FirstPause.Ticks << (attempt - 1), LongestPause.Ticks)) * (0.75 + (Random.Shared.NextDouble() / 2)), time, cancellationToken);

    /// <summary>Writes the first result of an image; returns false if there already is one or the container does not exist.</summary>
    private async Task<bool> TryCreateAsync(BlobClient result, LesionResult document, CancellationToken cancellationToken)
    {
        try
        {
            await UploadAsync(result, document, new() { IfNoneMatch = ETag.All }, cancellationToken);
            return true;
        }
        catch (RequestFailedException e) when (e.Status is 404 or 409 or 412)
        {
            return false;
        }
    }

    private async Task UploadAsync(BlobClient result, LesionResult document, BlobRequestConditions unchanged, CancellationToken cancellationToken)
    {
        JsonElement json = JsonSerializer.SerializeToElement(document, FunctionsJson.Default.LesionResult);
        BlobUploadOptions upload = new()
        {
            Conditions = unchanged,
            HttpHeaders = new() { ContentType = "application/json" },
            Metadata = new Dictionary<string, string>(ResultTags.Of(json).ToMetadata()) { [SourceETagMetadata] = document.Source.ETag?.Trim('"') ?? "" },
        };
        await index.WriteAsync(document.Id, document.Source.Name, cancellationToken);
        await result.UploadAsync(BinaryData.FromString(json.GetRawText()), upload, cancellationToken);
    }

    private static async Task<(LesionResult? Before, BlobRequestConditions Unchanged)> ReadAsync(BlobClient result, CancellationToken cancellationToken)
    {
        try
        {
            BlobDownloadResult existing = await result.DownloadContentAsync(cancellationToken);
            LesionResult? before;
            try
            {
                before = JsonSerializer.Deserialize(existing.Content.ToMemory().Span, FunctionsJson.Default.LesionResult);
            }
            catch (JsonException)
            {
                before = null; // not a valid result, so it is replaced
            }

            return (before, new() { IfMatch = existing.Details.ETag });
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return (null, new() { IfNoneMatch = ETag.All });
        }
    }

    private async Task<LesionResult?> AnswerAsync(string name, string id, CancellationToken cancellationToken)
    {
        BlobDownloadStreamingResult download;
        try
        {
            download = await LesionOf(name).DownloadStreamingAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }

        using (download)
        {
            BlobDownloadDetails details = download.Details;
            SourceBlob source = new(name, details.ETag.ToString(), details.ContentLength, details.LastModified);
            try
            {
                if (details.ContentLength > options.MaxImageBytes)
                {
                    throw ImageRejectedException.TooLarge(options.MaxImageBytes);
                }

                byte[] file = await WholeAsync(download, name, cancellationToken);
                Prediction answer = await classification.ClassifyAsync(file, id, options.Heatmaps ? options.Defaults with { Explain = PredictionOptions.MostProbable } : options.Defaults, ServingMetrics.ByBlob, cancellationToken);
                await WriteHeatmapAsync(source, answer.Explanation, cancellationToken);
                await WriteFhirAsync(source, FhirDocuments.Report(answer, time.GetUtcNow()), cancellationToken);
                return LesionResult.From(answer with { Explanation = null }, source, time.GetUtcNow());
            }
            catch (ImageRejectedException e)
            {
                await WriteHeatmapAsync(source, explanation: null, cancellationToken);
                await WriteFhirAsync(source, FhirDocuments.Outcome(Problem.Rejected(e)), cancellationToken);
                return LesionResult.From(LesionResult.Rejected, id, Problem.Rejected(e), source, time.GetUtcNow());
            }
        }
    }

    /// <summary>
    /// Reads an image and verifies it against its MD5 where storage keeps one, as it does for most blobs: an image that was corrupted in transit is then
    /// downloaded again and never classified. Since an uploader may have stored a wrong MD5, two identical downloads are accepted as well.
    /// </summary>
    /// <exception cref="IOException">The two downloads differ.</exception>
    private async Task<byte[]> WholeAsync(BlobDownloadStreamingResult download, string name, CancellationToken cancellationToken)
    {
        byte[] file = new byte[download.Details.ContentLength];
        await download.Content.ReadExactlyAsync(file, cancellationToken);
        if (IsWhole(file, download.Details.ContentHash))
        {
            return file;
        }

        BlobDownloadOptions sameVersion = new() { Conditions = new() { IfMatch = download.Details.ETag } };
        BlobDownloadResult again = await LesionOf(name).DownloadContentAsync(sameVersion, cancellationToken);
        byte[] second = again.Content.ToArray();
        return IsWhole(second, again.Details.ContentHash) || second.AsSpan().SequenceEqual(file) ? second
            : throw new IOException("Two downloads of the image differ: it was corrupted in transit from storage.");
    }

    private static bool IsWhole(byte[] file, byte[]? md5)
    {
#pragma warning disable CA5351 // Content-MD5 is the checksum of blob storage, against accidental corruption.
        return md5 is null || MD5.HashData(file).AsSpan().SequenceEqual(md5);
#pragma warning restore CA5351
    }

    /// <summary>Writes the heat map as a picture, or deletes that of an earlier version of the image.</summary>
    private Task WriteHeatmapAsync(SourceBlob source, Explanation? explanation, CancellationToken cancellationToken) => !options.Heatmaps ? Task.CompletedTask
        : explanation is null ? WriteBesideAsync(source, HeatmapSuffix, null, cancellationToken)
        : WriteBesideAsync(
            source,
            HeatmapSuffix,
            new(
                Convert.FromBase64String(explanation.Overlay[(explanation.Overlay.IndexOf(',', StringComparison.Ordinal) + 1)..]),
                "image/png",
                new() { [SourceETagMetadata] = source.ETag?.Trim('"') ?? "", ["class"] = explanation.Code }),
            cancellationToken);

    /// <summary>Writes the FHIR report of an image, or the outcome if there is no report, replacing that of an earlier version of the image.</summary>
    private Task WriteFhirAsync(SourceBlob source, JsonObject resource, CancellationToken cancellationToken) => !options.FhirResults ? Task.CompletedTask
        : WriteBesideAsync(
            source,
            FhirSuffix,
            new(Encoding.UTF8.GetBytes(resource.ToJsonString(FunctionsJson.Default.Options)), FhirDocuments.MediaType, new() { [FhirMetadata] = source.ETag?.Trim('"') ?? "" }),
            cancellationToken);

    /// <summary>
    /// Writes an attachment of a result, or deletes it if there is no content. As for results, the image is checked after the existing attachment is read, so
    /// that the attachment of the newest version of an image prevails.
    /// </summary>
    private async Task WriteBesideAsync(SourceBlob source, string suffix, Beside? content, CancellationToken cancellationToken)
    {
        BlobContainerClient results = storage.GetBlobContainerClient(ResultsContainer);
        string name = DotSegments.Keep(ResultName.Of(source.Name, suffix));
        for (int attempt = 1; ; attempt++)
        {
            ETag? before = await ETagOfAsync(results.GetBlobClient(name), cancellationToken);
            if ((await SourceOfAsync(source.Name, cancellationToken))?.ETag != source.ETag || (content is null && before is null))
            {
                return;
            }

            BlobRequestConditions unchanged = before is null ? new() { IfNoneMatch = ETag.All } : new() { IfMatch = before };
            try
            {
                if (content is null)
                {
                    await results.GetBlobClient(name).DeleteIfExistsAsync(conditions: unchanged, cancellationToken: cancellationToken);
                    return;
                }

                BlobUploadOptions upload = new() { Conditions = unchanged, HttpHeaders = new() { ContentType = content.Type }, Metadata = content.Metadata };
                await results.UploadOrCreateAsync(name, content.Bytes, upload, cancellationToken);
                return;
            }
            catch (RequestFailedException e) when (e.Status is 409 or 412 && attempt < MaxAttempts)
            {
                await PauseAsync(attempt, cancellationToken);
            }
        }
    }

    private static async Task<ETag?> ETagOfAsync(BlobClient blob, CancellationToken cancellationToken)
    {
        try
        {
            return (await blob.GetPropertiesAsync(cancellationToken: cancellationToken)).Value.ETag;
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    private static string FirstLine(string text) => text.Split('\n')[0].Trim();

    /// <summary>An attachment of a result.</summary>
    /// <param name="Bytes">The attachment's content.</param>
    /// <param name="Type">The attachment's content type.</param>
    /// <param name="Metadata">The attachment's metadata.</param>
    private sealed record Beside(byte[] Bytes, string Type, Dictionary<string, string> Metadata);
}
