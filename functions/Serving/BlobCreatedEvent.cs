using System.Text.Json;

namespace Lentigo.Functions.Serving;

/// <summary>An Event Grid event <c>Microsoft.Storage.BlobCreated</c> (Event Grid schema, "Azure Blob Storage as an Event Grid source").</summary>
/// <param name="Name">The blob's name in its container.</param>
/// <param name="ETag">The blob's version, without quotes; null where the event holds none.</param>
internal sealed record BlobCreatedEvent(string Name, string? ETag)
{
    private const string Type = "Microsoft.Storage.BlobCreated";

    /// <summary>Reads a message of the events' queue.</summary>
    /// <returns>Null for an event of another type or container: there is nothing to do.</returns>
    /// <exception cref="InvalidDataException">It is no Event Grid event.</exception>
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
            throw new InvalidDataException($"A message of the queue lesion-events is no Event Grid event: {e.Message}", e);
        }
    }
}
