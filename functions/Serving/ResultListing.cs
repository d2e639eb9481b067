using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Lists the container <c>results</c>. Storage lists blobs by name only, five thousand per call, but users ask for the newest. A listing of many results is
/// therefore cached for ten times as long as it took: users who page through results or poll them are served from memory, and at most a tenth of the time is
/// spent listing. A listing of few results is never cached.
/// </summary>
public sealed class ResultListing(BlobServiceClient storage, TimeProvider time)
{
    /// <summary>Listings with fewer results are not cached.</summary>
    private const int FewestKept = 1000;

    /// <summary>Listings with more results are not cached either: this many take about 15 MB.</summary>
    private const int MostKept = 50_000;

    /// <summary>The maximum number of prefixes whose listings are cached.</summary>
    private const int MostPrefixes = 4;

    private const int LifetimeFactor = 10;
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Listing> kept = [];

    /// <summary>All results whose image name has the prefix, in no particular order.</summary>
    /// <param name="prefix">The prefix; empty for all results.</param>
    /// <param name="cancellationToken">Cancels the listing.</param>
    internal IAsyncEnumerable<ListedResult> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        if (!kept.TryGetValue(prefix, out Listing? listing) || AgeOf(listing) > 2 * listing.Lifetime)
        {
            return ScanAsync(prefix, cancellationToken);
        }

        // Stale but still usable: the next listing is made in the background.
        if (AgeOf(listing) > listing.Lifetime && listing.TryBeginRefresh())
        {
            _ = RefreshAsync(prefix);
        }

        return listing.Results.ToAsyncEnumerable();
    }

    private TimeSpan AgeOf(Listing listing) => time.GetElapsedTime(listing.Began);

    private async Task RefreshAsync(string prefix)
    {
        try
        {
            await foreach (ListedResult _ in ScanAsync(prefix, CancellationToken.None))
            {
                // ScanAsync caches the listing.
            }
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException)
        {
            // The old listing expires, and the next caller gets the error.
        }
    }

    /// <summary>Lists the blobs in storage, and caches the listing if that is worthwhile.</summary>
    private async IAsyncEnumerable<ListedResult> ScanAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        long began = time.GetTimestamp();
        List<ListedResult>? all = [];
        await foreach (Page<BlobItem> page in PagesAsync(prefix, cancellationToken))
        {
            foreach (BlobItem blob in page.Values)
            {
                if (ListedResult.Of(blob) is not { } result)
                {
                    continue;
                }

                all?.Add(result);
                all = all?.Count > MostKept ? null : all;
                yield return result;
            }
        }

        if (!(all?.Count >= FewestKept))
        {
            kept.TryRemove(prefix, out _);
            yield break;
        }

        TimeSpan lifetime = LifetimeFactor * time.GetElapsedTime(began);
        kept[prefix] = new(all, began, lifetime < LongestLifetime ? lifetime : LongestLifetime);
        foreach ((string other, _) in kept.OrderByDescending(l => l.Value.Began).Skip(MostPrefixes))
        {
            kept.TryRemove(other, out _);
        }
    }

    private async IAsyncEnumerable<Page<BlobItem>> PagesAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        BlobContainerClient results = storage.GetBlobContainerClient(LesionBlobs.ResultsContainer);
        await using IAsyncEnumerator<Page<BlobItem>> pages = results
            .GetBlobsAsync(new GetBlobsOptions { Traits = BlobTraits.Metadata, Prefix = prefix.Length > 0 ? prefix : null }, cancellationToken)
            .AsPages()
            .GetAsyncEnumerator(cancellationToken);
        while (await NextAsync())
        {
            yield return pages.Current;
        }

        async Task<bool> NextAsync()
        {
            try
            {
                return await pages.MoveNextAsync();
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
            {
                return false; // the first result creates the container
            }
        }
    }

    private sealed record Listing(IReadOnlyList<ListedResult> Results, long Began, TimeSpan Lifetime)
    {
        private int isRefreshed;

        /// <summary>Returns true for the first caller only.</summary>
        public bool TryBeginRefresh() => Interlocked.Exchange(ref isRefreshed, 1) == 0;
    }
}
