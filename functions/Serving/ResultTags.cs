using System.Text.Json;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The properties by which results are filtered. They are stored in the metadata of a result's blob, so that a listing includes them without reading the
/// document.
/// </summary>
/// <param name="Status">The result's status.</param>
/// <param name="Label">The code of the most probable class, or null.</param>
/// <param name="Recommendation">The triage's recommendation, or null.</param>
internal sealed record ResultTags(string? Status, string? Label, string? Recommendation)
{
    private const string StatusKey = "status", LabelKey = "label", RecommendationKey = "recommendation";

    /// <summary>The tags of a result document.</summary>
    public static ResultTags Of(JsonElement document) => new(
        Text(document, "status"),
        document.TryGetProperty("label", out JsonElement label) ? Text(label, "code") : null,
        document.TryGetProperty("triage", out JsonElement triage) ? Text(triage, "recommendation") : null);

    /// <summary>The tags in a blob's metadata, or null if it has none.</summary>
    public static ResultTags? From(IDictionary<string, string> metadata) => metadata.TryGetValue(StatusKey, out string? status)
        ? new(status, metadata.TryGetValue(LabelKey, out string? label) ? label : null, metadata.TryGetValue(RecommendationKey, out string? recommendation) ? recommendation : null)
        : null;

    /// <summary>The tags as a blob's metadata.</summary>
    public Dictionary<string, string> ToMetadata() =>
        new[] { (StatusKey, Status), (LabelKey, Label), (RecommendationKey, Recommendation) }.Where(t => t.Item2 is not null).ToDictionary(t => t.Item1, t => t.Item2!);

    private static string? Text(JsonElement document, string property) =>
        document.ValueKind == JsonValueKind.Object && document.TryGetProperty(property, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
