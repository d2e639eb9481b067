using System.Text;
using System.Text.Json;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Messages of the storage queues that the app reads, which are JSON objects. host.json leaves their text as it is (<c>messageEncoding</c> none), since
/// writers differ: Event Grid was documented to write plain text (MicrosoftDocs/azure-docs, event-grid/custom-event-to-queue-storage.md) and is reported
/// to write Base64 (MicrosoftDocs/azure-docs#102923). The host would put what it cannot decode straight into the poison queue.
/// </summary>
internal static class QueueMessage
{
    /// <summary>Reads a message, plain or in Base64.</summary>
    /// <exception cref="JsonException">It is no JSON in either.</exception>
    public static JsonDocument Parse(string message)
    {
        byte[] bytes = new byte[message.Length];
        return !message.AsSpan().TrimStart().StartsWith('{') && Convert.TryFromBase64String(message, bytes, out int length)
            ? JsonDocument.Parse(Encoding.UTF8.GetString(bytes.AsSpan(0, length)))
            : JsonDocument.Parse(message);
    }
}
