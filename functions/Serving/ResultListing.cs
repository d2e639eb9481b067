using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Lists the container <c>results</c>. Storage lists blobs by name alone, five thousand a call, and people ask for the newest. So a listing of many results is
/// kept for ten times as long as it took: whoever looks on, page by page or all the time, is answered from memory, and storage is busy with listing for a tenth
/// of the time at most. A listing of few results is never kept.
/// </summary>
public sealed class ResultListing(BlobServiceClient storage, TimeProvider time)
{
    /// <summary>Fewer results are listed each time.</summary>
    private const int FewestKept = 1000;

    /// <summary>More results are listed each time too: about 15 MB are kept of so many.</summary>
    private const int MostKept = 50_000;

    /// <summary>The number of prefixes whose listings are kept.</summary>
    private const int MostPrefixes = 4;

    private const int LifetimeFactor = 10;
    private static readonly TimeSpan LongestLifetime = TimeSpan.FromMinutes(1);
    private readonly ConcurrentDictionary<string, Listing> kept = [];

    /// <summary>Every result whose image's name begins with the prefix, in no order.</summary>
    /// <param name="prefix">The prefix; empty for all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    internal IAsyncEnumerable<ListedResult> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        if (!kept.TryGetValue(prefix, out Listing? listing) || AgeOf(listing) > 2 * listing.Lifetime)
        {
            return ScanAsync(prefix, cancellationToken);
        }

        // Old, but not too old: the next listing is made meanwhile.
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
                // The scan keeps what it found.
            }
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException)
        {
            // The old listing expires, and whoever asks then is told.
        }
    }

    /// <summary>Asks storage, and keeps the answer where it is worth it.</summary>
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
                return false; // the first result makes the container
            }
        }
    }

    private sealed record Listing(IReadOnlyList<ListedResult> Results, long Began, TimeSpan Lifetime)
    {
        private int isRefreshed;

        /// <summary>True for the first who asks.</summary>
        public bool TryBeginRefresh() => Interlocked.Exchange(ref isRefreshed, 1) == 0;
    }
}
