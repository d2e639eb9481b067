using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Lentigo.Core;
using Lentigo.Core.Imaging;
using Lentigo.Core.Predictions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Answers images dropped into the container <c>lesions</c>: the result of <c>lesions/{name}</c> is <c>results/{name}.json</c>. Doing it twice
/// does no harm, and of several versions of one blob the newest one's answer stays.
/// </summary>
public sealed class LesionBlobs(
    Classification classification, CurrentModel current, BlobServiceClient storage, ServingOptions options, IConfiguration configuration, TimeProvider time, ILogger<LesionBlobs> log)
{
    /// <summary>The container that images are dropped into.</summary>
    public const string LesionsContainer = "lesions";

    /// <summary>The container that answers appear in.</summary>
    public const string ResultsContainer = "results";

    private const int MaxAttempts = 10;

    /// <summary>Classifies a blob and writes its result; an image that cannot be classified gets a rejected result. Waits for a model where there is none yet.</summary>
    public async Task ClassifyAsync(BlobClient lesion, string id, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(lesion);
        await current.Loaded.WaitAsync(cancellationToken);
        BlobClient result = ResultOf(lesion.GetParentBlobContainerClient().GetParentBlobServiceClient(), lesion.Name);
        string? status = await WriteAsync(result, async _ => await AnswerAsync(lesion, id, cancellationToken), cancellationToken);
        log.LogInformation("{Id}: {Outcome}", id, status ?? "nothing to answer, the image is gone");
    }

    /// <summary>Writes a failed result for a blob whose processing failed as often as the host tries, unless it has an answer or is gone.</summary>
    /// <param name="message">The host's message about the blob.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidDataException">It is no such message.</exception>
    public async Task ReportFailureAsync(string message, string id, CancellationToken cancellationToken)
    {
        PoisonBlob poison = PoisonBlob.Parse(message);
        if (poison.Container != LesionsContainer)
        {
            log.LogWarning("{Id}: a message about the container '{Container}' in the poison queue is not ours and is dropped.", id, poison.Container);
            return;
        }

        BlobClient lesion = storage.GetBlobContainerClient(LesionsContainer).GetBlobClient(poison.Name);
        string? status = await WriteAsync(ResultOf(storage, poison.Name), AnswerUnlessAnsweredAsync, cancellationToken);
        log.LogInformation("{Id}: {Outcome}", id, status ?? "nothing to report, the image is gone or has an answer");

        async Task<LesionResult?> AnswerUnlessAnsweredAsync(LesionResult? before)
        {
            BlobProperties properties;
            try
            {
                properties = await lesion.GetPropertiesAsync(cancellationToken: cancellationToken);
            }
            catch (RequestFailedException e) when (e.Status == 404)
            {
                return null;
            }

            string etag = properties.ETag.ToString();
            return etag.Trim('"') != poison.ETag || before?.Source.ETag == etag
                ? null // a newer version has its own answer, or a try did succeed in writing one
                : LesionResult.From(
                    LesionResult.Failed, id, Problem.ProcessingFailed(Tries), new(lesion.Name, etag, properties.ContentLength, properties.LastModified), time.GetUtcNow());
        }
    }

    /// <summary>How often the host tries a blob: host.json's value or the setting that overrides it.</summary>
    private int Tries => configuration.GetValue("AzureFunctionsJobHost:extensions:blobs:poisonBlobThreshold", 5);

    private static BlobClient ResultOf(BlobServiceClient service, string lesion) => service.GetBlobContainerClient(ResultsContainer).GetBlobClient(lesion + ".json");

    /// <summary>
    /// Makes an answer and writes it only if nobody wrote one meanwhile, else starts again. Since the image is read after the result's state, the
    /// last to write has seen the newest image.
    /// </summary>
    private static async Task<string?> WriteAsync(BlobClient result, Func<LesionResult?, Task<LesionResult?>> answer, CancellationToken cancellationToken)
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
                BlobUploadOptions upload = new() { Conditions = unchanged, HttpHeaders = new() { ContentType = "application/json" } };
                await result.UploadAsync(BinaryData.FromBytes(JsonSerializer.SerializeToUtf8Bytes(document, LentigoJson.Default.LesionResult)), upload, cancellationToken);
                return document.Status;
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound && attempt < MaxAttempts)
            {
                await result.GetParentBlobContainerClient().CreateIfNotExistsAsync(cancellationToken: cancellationToken);
            }
            catch (RequestFailedException e) when (e.Status is 409 or 412 && attempt < MaxAttempts)
            {
                // another answer was written meanwhile
            }
        }
    }

    private static async Task<(LesionResult? Before, BlobRequestConditions Unchanged)> ReadAsync(BlobClient result, CancellationToken cancellationToken)
    {
        try
        {
            BlobDownloadResult existing = await result.DownloadContentAsync(cancellationToken);
            LesionResult? before;
            try
            {
                before = JsonSerializer.Deserialize(existing.Content.ToMemory().Span, LentigoJson.Default.LesionResult);
            }
            catch (JsonException)
            {
                before = null; // not a document of ours: it is replaced
            }

            return (before, new() { IfMatch = existing.Details.ETag });
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return (null, new() { IfNoneMatch = ETag.All });
        }
    }

    private async Task<LesionResult?> AnswerAsync(BlobClient lesion, string id, CancellationToken cancellationToken)
    {
        BlobDownloadStreamingResult download;
        try
        {
            download = await lesion.DownloadStreamingAsync(cancellationToken: cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }

        using (download)
        {
            BlobDownloadDetails details = download.Details;
            SourceBlob source = new(lesion.Name, details.ETag.ToString(), details.ContentLength, details.LastModified);
            try
            {
                if (details.ContentLength > options.MaxImageBytes)
                {
                    throw new ImageRejectedException(Problem.TooLarge(options.MaxImageBytes));
                }

                byte[] file = new byte[details.ContentLength];
                await download.Content.ReadExactlyAsync(file, cancellationToken);
                return LesionResult.From(await classification.ClassifyAsync(file, id, cancellationToken), source, time.GetUtcNow());
            }
            catch (ImageRejectedException e)
            {
                return LesionResult.From(LesionResult.Rejected, id, e.Problem, source, time.GetUtcNow());
            }
        }
    }
}
