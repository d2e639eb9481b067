using System.Collections.Concurrent;
using System.Text.Json;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Core.Imaging;
using Lentigo.Core.Storage;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Reads the container <c>results</c>: the fifty newest results that match a query. Only the documents of those fifty are read, and each is read again only
/// if it has changed.
/// </summary>
public sealed class LesionResults(ResultListing listing, BlobServiceClient storage, ServingOptions options, PixelBudget budget) : IDisposable
{
    private const int PageSize = 50;
    private const int ParallelReads = 8;

    /// <summary>The maximum number of cached summaries, about 2 kB each.</summary>
    private const int MostSummaries = 2000;

    private readonly ConcurrentDictionary<string, (ETag Version, ResultSummary Summary)> summaries = [];
    private readonly SemaphoreSlim processors = new(Environment.ProcessorCount);

    private BlobContainerClient Results => storage.GetBlobContainerClient(LesionBlobs.ResultsContainer);

    /// <summary>The results that match a query, newest first.</summary>
    internal async Task<ResultPage> ListAsync(ResultQuery query, CancellationToken cancellationToken)
    {
        // The queue removes the oldest result first. It holds one more than the page to determine whether there is another page.
        PriorityQueue<ListedResult, ResultPosition> page = new(Comparer<ResultPosition>.Create((a, b) => b.CompareTo(a)));
        await foreach (ListedResult result in listing.ListAsync(query.Prefix ?? "", cancellationToken))
        {
            if (query.Admits(result.Position) && (!query.NeedsTags || (await TagsAsync(result, cancellationToken) is { } tags && query.Admits(tags))))
            {
                page.Enqueue(result, result.Position);
                if (page.Count > PageSize + 1)
                {
                    page.Dequeue();
                }
            }
        }

        ListedResult[] found = [.. page.UnorderedItems.Select(p => p.Element).OrderBy(r => r.Position)];
        ListedResult[] shown = found[..Math.Min(PageSize, found.Length)];
        ResultSummary?[] items = new ResultSummary?[shown.Length];
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = ParallelReads, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(shown.Index(), parallel, async (p, stop) => items[p.Index] = await SummaryAsync(p.Item, stop));
        return new([.. items.OfType<ResultSummary>()], found.Length > PageSize ? shown[^1].Position.ToString() : null);
    }

    /// <summary>The document of a result, or null if there is none.</summary>
    /// <param name="name">The image's name in the container <c>lesions</c>.</param>
    /// <param name="cancellationToken">Cancels the download.</param>
    public Task<BinaryData?> ReadAsync(string name, CancellationToken cancellationToken) => ReadBlobAsync(ResultName.Of(name, LesionBlobs.ResultSuffix), cancellationToken);

    private async Task<BinaryData?> ReadBlobAsync(string blobName, CancellationToken cancellationToken)
    {
        try
        {
            return (await Results.GetBlobClient(DotSegments.Keep(blobName)).DownloadContentAsync(cancellationToken)).Value.Content;
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <summary>A thumbnail of the image of a result as a JPEG, or null if the image was deleted.</summary>
    /// <param name="name">The image's name in the container <c>lesions</c>.</param>
    /// <param name="side">The thumbnail's longer side in pixels.</param>
    /// <param name="cancellationToken">Cancels the operation.</param>
    /// <exception cref="ImageRejectedException">The image cannot be decoded.</exception>
    public async Task<byte[]?> PictureAsync(string name, int side, CancellationToken cancellationToken)
    {
        BlobClient lesion = storage.GetBlobContainerClient(LesionBlobs.LesionsContainer).GetBlobClient(DotSegments.Keep(name));
        try
        {
            BlobProperties properties = await lesion.GetPropertiesAsync(cancellationToken: cancellationToken);
            if (properties.ContentLength > options.MaxImageBytes)
            {
                throw ImageRejectedException.TooLarge(options.MaxImageBytes);
            }

            byte[] file = (await lesion.DownloadContentAsync(cancellationToken)).Value.Content.ToArray();
            return await OnProcessorAsync(file, () => LesionPicture.Copy(file, side, options.Limits, cancellationToken), cancellationToken);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            return null;
        }
    }

    /// <summary>Renders a picture from a file, with at most one rendering per processor at a time.</summary>
    internal async Task<byte[]> OnProcessorAsync(byte[] file, Func<byte[]> picture, CancellationToken cancellationToken)
    {
        using IDisposable memory = await budget.ReserveAsync(file, cancellationToken);
        await processors.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(picture, CancellationToken.None);
        }
        finally
        {
            processors.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => processors.Dispose();

    /// <summary>The tags from the blob's metadata, or from its document if the metadata has none.</summary>
    private async Task<ResultTags?> TagsAsync(ListedResult result, CancellationToken cancellationToken) =>
        result.Tags ??= await DocumentAsync(result.Position.Name + LesionBlobs.ResultSuffix, cancellationToken) is { } document ? ResultTags.Of(document) : null;

    private async Task<ResultSummary?> SummaryAsync(ListedResult result, CancellationToken cancellationToken)
    {
        (DateTimeOffset time, string listed) = result.Position;
        if (result.ETag is { } version && summaries.TryGetValue(listed, out (ETag Version, ResultSummary Summary) known) && known.Version == version)
        {
            return known.Summary;
        }

        if (await DocumentAsync(listed + LesionBlobs.ResultSuffix, cancellationToken) is not { } document || ResultTags.Of(document).Status is not { } status)
        {
            return null; // deleted in the meantime, or not a result
        }

        string name = ResultName.IsShortened(listed) && Part("source") is { ValueKind: JsonValueKind.Object } source && source.TryGetProperty("name", out JsonElement whole)
            ? whole.GetString() ?? listed
            : listed;
        ResultSummary summary = new(name, time, status, Part("label"), Part("triage"), Part("problem"));
        if (result.ETag is { } read)
        {
            if (summaries.Count >= MostSummaries)
            {
                summaries.Clear();
            }

            summaries[listed] = (read, summary);
        }

        return summary;

        JsonElement? Part(string property) => document.TryGetProperty(property, out JsonElement part) ? part.Clone() : null;
    }

    private async Task<JsonElement?> DocumentAsync(string blobName, CancellationToken cancellationToken)
    {
        if (await ReadBlobAsync(blobName, cancellationToken) is not { } content)
        {
            return null;
        }

        try
        {
            return JsonElement.Parse(content.ToMemory().Span) is { ValueKind: JsonValueKind.Object } document ? document : null;
        }
        catch (JsonException)
        {
            return null; // not a result
        }
    }
}
