using System.Text.RegularExpressions;
using Azure.Core;
using Azure.Core.Pipeline;

namespace Lentigo.Core.Storage;

/// <summary>
/// Blob names may hold <c>./</c> and <c>../</c>, which <see cref="Uri"/> resolves as in a path, so that a request would go to another blob. In such
/// names each slash is handed to the storage client as a character of Unicode's private use area, and put into the request as <c>%2F</c>.
/// </summary>
public sealed partial class DotSegments : HttpPipelineSynchronousPolicy
{
    private const char Marker = '\uE000';
    private const string EscapedMarker = "%EE%80%80";

    /// <summary>
    /// The name to ask a client of <see cref="StorageConnection.CreateBlobServiceClient"/> for, so that its requests go to the blob of the given name.
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
