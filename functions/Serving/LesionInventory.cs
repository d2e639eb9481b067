using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>An image whose current version has no result.</summary>
/// <param name="Name">The image's name in the container <c>lesions</c>.</param>
/// <param name="Version">A hash of the name and the ETag.</param>
/// <param name="LastModified">When the image was uploaded.</param>
internal sealed record WaitingLesion(string Name, UInt128 Version, DateTimeOffset LastModified);

/// <summary>The outcome of a comparison of the containers <c>lesions</c> and <c>results</c>.</summary>
/// <param name="Waiting">The images without a current result.</param>
/// <param name="Results">The number of results by <see cref="LesionResult.Status"/>.</param>
/// <param name="MissingContainers">The containers that do not exist.</param>
/// <param name="IsComplete">Whether all blobs were examined.</param>
internal sealed record LesionInventory(IReadOnlyList<WaitingLesion> Waiting, IReadOnlyDictionary<string, long> Results, IReadOnlyList<string> MissingContainers, bool IsComplete)
{
    /// <summary>Compares the containers.</summary>
    /// <param name="storage">The storage account.</param>
    /// <param name="mostBlobs">The maximum number of blobs to examine per container.</param>
    /// <param name="cancellationToken">Cancels the comparison.</param>
    public static async Task<LesionInventory> ReadAsync(BlobServiceClient storage, int mostBlobs, CancellationToken cancellationToken)
    {
        List<WaitingLesion> waiting = [];
        HashSet<UInt128> answered = [];
        Dictionary<string, long> results = new() { [LesionResult.Classified] = 0, [LesionResult.Rejected] = 0, [LesionResult.Failed] = 0 };
        List<string> missing = [];

        // The lesions are listed first so that results written in the meantime are seen.
        bool isComplete = await ListAsync(LesionBlobs.LesionsContainer, lesion => waiting.Add(new(
            lesion.Name, VersionOf(ResultName.Of(lesion.Name, LesionBlobs.ResultSuffix), lesion.Properties.ETag?.ToString()), lesion.Properties.LastModified ?? default)));
        isComplete &= await ListAsync(LesionBlobs.ResultsContainer, result =>
        {
            if (result.Name.EndsWith(LesionBlobs.ResultSuffix, StringComparison.Ordinal) && result.Metadata.TryGetValue(LesionBlobs.SourceETagMetadata, out string? etag))
            {
                answered.Add(VersionOf(result.Name, etag));
                if (ResultTags.From(result.Metadata)?.Status is { } status && results.TryGetValue(status, out long count))
                {
                    results[status] = count + 1;
                }
            }
        });
        waiting.RemoveAll(lesion => answered.Contains(lesion.Version));
        return new(waiting, results, missing, isComplete);

        async Task<bool> ListAsync(string container, Action<BlobItem> look)
        {
            int looked = 0;
            try
            {
                await foreach (BlobItem blob in storage.GetBlobContainerClient(container).GetBlobsAsync(new GetBlobsOptions { Traits = BlobTraits.Metadata }, cancellationToken))
                {
                    if (++looked > mostBlobs)
                    {
                        return false;
                    }

                    look(blob);
                }
            }
            catch (RequestFailedException e) when (e.ErrorCode == BlobErrorCode.ContainerNotFound)
            {
                missing.Add(container);
            }

            return true;
        }
    }

    /// <summary>A 16-byte hash of a result's name and an image's ETag, so that a million blobs take tens rather than hundreds of megabytes.</summary>
    private static UInt128 VersionOf(string resultName, string? etag) =>
        BinaryPrimitives.ReadUInt128LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes($"{resultName}\n{etag?.Trim('"')}")));
}
