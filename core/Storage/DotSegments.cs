using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Core.Pipeline;

namespace Lentigo.Core.Storage;

/// <summary>
/// Keeps <c>./</c> and <c>../</c> in blob names from being resolved by <see cref="Uri"/> like path segments, which would send the request to another blob. In
/// such names, slashes are passed to the storage client as a character of Unicode's private use area, which this policy replaces by <c>%2F</c> in the request.
/// </summary>
public sealed partial class DotSegments : HttpPipelineSynchronousPolicy
{
    private const char Marker = '\uE000';
    private const string EscapedMarker = "%EE%80%80";

    /// <summary>
    /// Encodes a blob name for a client of <see cref="StorageConnection.CreateBlobServiceClient"/>, so that requests address exactly this blob.
    /// </summary>
    public static string Keep(string blobName) => DotSegment().IsMatch(blobName) ? blobName.Replace('/', Marker) : blobName;

    /// <inheritdoc/>
    public override void OnSendingRequest(HttpMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (message.Request.Uri.Path.Contains(EscapedMarker, StringComparison.OrdinalIgnoreCase))
        {
            message.Request.Uri.Path = message.Request.Uri.Path.Replace(EscapedMarker, "%2F", StringComparison.OrdinalIgnoreCase);
        }
    }

    [GeneratedRegex(@"(^|/)\.{1,2}(/|\z)", RegexOptions.CultureInvariant)]
    private static partial Regex DotSegment();
}
