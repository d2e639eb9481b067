using System.Text.Json;

namespace Lentigo.Functions.Serving;

/// <summary>An Event Grid event <c>Microsoft.Storage.BlobCreated</c> (Event Grid schema, "Azure Blob Storage as an Event Grid source").</summary>
/// <param name="Name">The blob's name in its container.</param>
/// <param name="ETag">The blob's version, without quotes; null if the event contains none.</param>
internal sealed record BlobCreatedEvent(string Name, string? ETag)
{
    private const string Type = "Microsoft.Storage.BlobCreated";

    /// <summary>Parses a message of the event queue.</summary>
    /// <returns>The event, or null if it has another type or concerns another container and can be ignored.</returns>
    /// <exception cref="InvalidDataException">The message is not an Event Grid event.</exception>
    public static BlobCreatedEvent? Parse(string message, string container)
    {
        try
        {
            using JsonDocument document = QueueMessage.Parse(message);
            JsonElement root = document.RootElement;
            string type = Text("eventType"), subject = Text("subject");
            string prefix = $"/blobServices/default/containers/{container}/blobs/";
            if (type != Type || !subject.StartsWith(prefix, StringComparison.Ordinal) || subject.Length == prefix.Length)
            {
                return null;
            }

            string? etag = root.TryGetProperty("data", out JsonElement data) && data.TryGetProperty("eTag", out JsonElement value) ? value.GetString() : null;
            return new(subject[prefix.Length..], etag?.Trim('"'));

            string Text(string property) => root.GetProperty(property).GetString() ?? throw new JsonException($"its {property} is null.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new InvalidDataException($"A message in the queue lesion-events is not an Event Grid event: {e.Message}", e);
        }
    }
}
