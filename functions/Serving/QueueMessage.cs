using System.Text;
using System.Text.Json;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Parses messages of the storage queues that the app reads, which are JSON objects. host.json leaves their text undecoded (<c>messageEncoding</c> none)
/// because writers differ: Event Grid was documented to write plain text (MicrosoftDocs/azure-docs, event-grid/custom-event-to-queue-storage.md) and is
/// reported to write Base64 (MicrosoftDocs/azure-docs#102923). The host would move any message that it cannot decode straight to the poison queue.
/// </summary>
internal static class QueueMessage
{
    /// <summary>Parses a message in plain text or Base64.</summary>
    /// <exception cref="JsonException">The message is not JSON in either encoding.</exception>
    public static JsonDocument Parse(string message)
    {
        byte[] bytes = new byte[message.Length];
        return !message.AsSpan().TrimStart().StartsWith('{') && Convert.TryFromBase64String(message, bytes, out int length)
            ? JsonDocument.Parse(Encoding.UTF8.GetString(bytes.AsSpan(0, length)))
            : JsonDocument.Parse(message);
    }
}
