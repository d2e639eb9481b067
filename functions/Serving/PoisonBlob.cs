using System.Text.Json;

namespace Lentigo.Functions.Serving;

/// <summary>The failed blob, according to the Functions host's message in <c>webjobs-blobtrigger-poison</c>.</summary>
/// <param name="Container">The blob's container.</param>
/// <param name="Name">The blob's name.</param>
/// <param name="ETag">The blob's version, without quotes.</param>
internal sealed record PoisonBlob(string Container, string Name, string ETag)
{
    /// <summary>Parses a message.</summary>
    /// <exception cref="InvalidDataException">The message does not have the expected format.</exception>
    public static PoisonBlob Parse(string message)
    {
        try
        {
            using JsonDocument document = QueueMessage.Parse(message);
            return new(Text("ContainerName"), Text("BlobName"), Text("ETag").Trim('"'));

            string Text(string property) =>
                document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(property, out JsonElement value) && value.GetString() is { Length: > 0 } text
                    ? text
                    : throw new InvalidDataException($"A message in the poison queue has no {property}, so it is not the Functions host's message about a blob.");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InvalidDataException($"A message in the poison queue is not the Functions host's message about a blob: {e.Message}", e);
        }
    }
}
