using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core;
using Lentigo.Core.Predictions;
using Lentigo.Core.Storage;
using Lentigo.Functions.Contracts;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Stores confirmed diagnoses with the answers they belong to. An answer is a result in the container <c>results</c> or, if the settings enable it, a
/// response to an HTTP request in the container <c>answers</c>.
/// </summary>
public sealed class FeedbackStore(BlobServiceClient storage, ResultIndex index, ServingOptions options, TimeProvider time, ILogger<FeedbackStore> log)
{
    /// <summary>The container of stored HTTP answers: <c>answers/{id}.json</c>.</summary>
    private const string AnswersContainer = "answers";

    private const int LongestId = 100, LongestName = 1024;

    /// <summary>Stores an HTTP answer if <see cref="ServingOptions.KeepAnswers"/> is set. A failure is logged; the caller still gets the answer.</summary>
    /// <param name="answer">The answer. Its heat map is not stored because it shows the image.</param>
    /// <param name="cancellationToken">Cancels the upload.</param>
    public async Task KeepAsync(Prediction answer, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (!options.KeepAnswers)
        {
            return;
        }

        try
        {
            await UploadAsync(AnswersContainer, answer.Id, JsonSerializer.SerializeToUtf8Bytes(answer with { Explanation = null }, LentigoJson.Default.Prediction), cancellationToken);
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException && !cancellationToken.IsCancellationRequested)
        {
            log.LogError("{Id}: The answer was returned but could not be stored: {Reason}", answer.Id, e.Message.Split('\n')[0]);
        }
    }

    /// <summary>Records a confirmed diagnosis.</summary>
    /// <param name="id">The answer's id.</param>
    /// <param name="name">The image's name in the container <c>lesions</c>, which saves a lookup in the index; null if unknown.</param>
    /// <param name="diagnosis">One of the seven codes.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <exception cref="ProblemException">The answer does not exist, has no classification, or already has a diagnosis.</exception>
    internal async Task<FeedbackReceipt> AddAsync(string id, string? name, string diagnosis, CancellationToken cancellationToken)
    {
        if (id.Length > LongestId || name?.Length > LongestName || !id.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') || await FindAsync(id, name, cancellationToken) is not { } found)
        {
            throw new ProblemException(Problem.NotFound("answer of this id"));
        }

        (Prediction answer, DateTimeOffset? answered) = found;
        FeedbackRecord record = new(id, diagnosis, time.GetUtcNow(), answered, answer with { Explanation = null });
        try
        {
            await UploadAsync(FeedbackRecord.Container, id, JsonSerializer.SerializeToUtf8Bytes(record, LentigoJson.Default.FeedbackRecord), cancellationToken);
        }
        catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.BlobAlreadyExists)
        {
            throw new ProblemException(Problem.FeedbackExists());
        }

        log.LogInformation("{Id}: A confirmed diagnosis was recorded.", id);
        return new(id, diagnosis, record.Time);
    }

    private async Task<(Prediction Answer, DateTimeOffset? Time)?> FindAsync(string id, string? name, CancellationToken cancellationToken)
    {
        if (await DownloadAsync(AnswersContainer, id + LesionBlobs.ResultSuffix, cancellationToken) is { } kept)
        {
            return (JsonSerializer.Deserialize(kept.Content.ToMemory().Span, LentigoJson.Default.Prediction)!, kept.Details.LastModified);
        }

        name ??= await index.FindAsync(id, cancellationToken);
        return name is null ? null : await ResultAsync(ResultName.Of(name, LesionBlobs.ResultSuffix), id, cancellationToken);
    }

    private async Task<(Prediction Answer, DateTimeOffset? Time)?> ResultAsync(string blob, string id, CancellationToken cancellationToken)
    {
        if (await DownloadAsync(LesionBlobs.ResultsContainer, blob, cancellationToken) is not { } document)
        {
            return null;
        }

        try
        {
            LesionResult? result = JsonSerializer.Deserialize(document.Content.ToMemory().Span, FunctionsJson.Default.LesionResult);
            return result?.Id != id ? null
                : result.Status == LesionResult.Classified ? (JsonSerializer.Deserialize(document.Content.ToMemory().Span, LentigoJson.Default.Prediction)!, result.Time)
                : throw new ProblemException(Problem.NotClassified());
        }
        catch (JsonException)
        {
            return null; // not a result
        }
    }

    private async Task<BlobDownloadResult?> DownloadAsync(string container, string blob, CancellationToken cancellationToken)
    {
        try
        {
            return await storage.GetBlobContainerClient(container).GetBlobClient(DotSegments.Keep(blob)).DownloadContentAsync(cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <summary>Writes a new document, creating its container if it does not exist.</summary>
    private Task UploadAsync(string container, string id, byte[] json, CancellationToken cancellationToken)
    {
        BlobUploadOptions upload = new() { Conditions = new() { IfNoneMatch = ETag.All }, HttpHeaders = new() { ContentType = "application/json" } };
        return storage.GetBlobContainerClient(container).UploadOrCreateAsync(id + LesionBlobs.ResultSuffix, json, upload, cancellationToken);
    }
}
