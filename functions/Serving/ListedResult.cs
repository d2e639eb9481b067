using Azure;
using Azure.Storage.Blobs.Models;

namespace Lentigo.Functions.Serving;

/// <summary>A result as the container's listing tells it.</summary>
/// <param name="Position">Its place in the list of results.</param>
/// <param name="ETag">The version of the result's document.</param>
internal sealed record ListedResult(ResultPosition Position, ETag? ETag)
{
    /// <summary>What it can be filtered by; null until its document is read, where an older version of the app or another program wrote it.</summary>
    public ResultTags? Tags { get; set; }

    /// <summary>The result of a blob; null for a blob that is none.</summary>
    public static ListedResult? Of(BlobItem blob) => blob.Name.EndsWith(LesionBlobs.ResultSuffix, StringComparison.Ordinal) && !blob.Metadata.ContainsKey(LesionBlobs.FhirMetadata)
        ? new(new(blob.Properties.LastModified ?? default, blob.Name[..^LesionBlobs.ResultSuffix.Length]), blob.Properties.ETag) { Tags = ResultTags.From(blob.Metadata) }
        : null;
}
