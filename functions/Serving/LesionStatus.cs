using Azure.Storage.Blobs;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>Counts images and results. The counts are cached for a few seconds, however many callers ask.</summary>
public sealed class LesionStatus(BlobServiceClient storage, TimeProvider time) : IDisposable
{
    private const int MostBlobs = 200_000;
    private static readonly TimeSpan Kept = TimeSpan.FromSeconds(10);
    private readonly SemaphoreSlim counting = new(1);
    private ServiceStatus? last;
    private long counted;

    /// <summary>The counts, at most ten seconds old.</summary>
    internal async Task<ServiceStatus> ReadAsync(CancellationToken cancellationToken)
    {
        await counting.WaitAsync(cancellationToken);
        try
        {
            if (last is null || time.GetElapsedTime(counted) > Kept)
            {
                LesionInventory inventory = await LesionInventory.ReadAsync(storage, MostBlobs, cancellationToken);
                last = new(
                    inventory.Waiting.Count,
                    inventory.Waiting.Count == 0 ? null : inventory.Waiting.Min(l => l.LastModified),
                    inventory.Results[LesionResult.Classified],
                    inventory.Results[LesionResult.Rejected],
                    inventory.Results[LesionResult.Failed],
                    inventory.IsComplete,
                    time.GetUtcNow());
                counted = time.GetTimestamp();
            }

            return last;
        }
        finally
        {
            counting.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => counting.Dispose();
}
