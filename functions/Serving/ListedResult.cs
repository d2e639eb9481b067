using Azure;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Serving;

/// <summary>A result as it appears in the container's listing.</summary>
/// <param name="Position">The result's position in the list of results.</param>
/// <param name="ETag">The version of the result's document.</param>
internal sealed record ListedResult(ResultPosition Position, ETag? ETag)
{
    /// <summary>
    /// The tags that queries filter by; null until the document is read if an older version of the app or another program wrote the result.
    /// </summary>
    public ResultTags? Tags { get; set; }

    /// <summary>The result of a blob, or null if the blob is not a result.</summary>
    public static ListedResult? Of(BlobItem blob) => blob.Name.EndsWith(LesionBlobs.ResultSuffix, StringComparison.Ordinal) && !blob.Metadata.ContainsKey(LesionBlobs.FhirMetadata)
        ? new(new(blob.Properties.LastModified ?? default, blob.Name[..^LesionBlobs.ResultSuffix.Length]), blob.Properties.ETag) { Tags = ResultTags.From(blob.Metadata) }
        : null;
}
