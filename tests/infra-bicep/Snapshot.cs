using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

/// <summary>The resources of a snapshot, with short words for what the tests ask of them.</summary>
internal sealed class Snapshot(JsonNode snapshot)
{
    public IReadOnlyList<JsonNode> Resources { get; } = [.. snapshot["predictedResources"]!.AsArray().Select(r => r!)];

    public string Text { get; } = snapshot.ToJsonString();

    public static async Task<Snapshot> OfAsync(BicepCli bicep, InfraCopy copy, string environment) => new(await copy.SnapshotAsync(bicep, environment));

    public IEnumerable<JsonNode> OfType(string type) => Resources.Where(r => string.Equals(Type(r), type, StringComparison.OrdinalIgnoreCase));

    public JsonNode Single(string type) => OfType(type).Single();

    /// <summary>The environment variables of the app.</summary>
    public IReadOnlyDictionary<string, string> Settings =>
        Container["env"]!.AsArray().ToDictionary(e => (string)e!["name"]!, e => (string)e!["value"]!);

    public JsonNode Container => At(Single("Microsoft.App/containerApps"), "properties.template.containers")!.AsArray().Single()!;

    public static string Type(JsonNode resource) => (string)resource["type"]!;

    public static string Name(JsonNode resource) => $"{Type(resource)} {resource["name"]}";

    /// <summary>A value deep in a resource; null where the path ends early.</summary>
    public static JsonNode? At(JsonNode? node, string path)
    {
        foreach (string part in path.Split('.'))
        {
            node = (node as JsonObject)?[part];
        }

        return node;
    }

    /// <summary>Whether the value at a path is the text or the boolean expected.</summary>
    public static bool Has(JsonNode resource, string path, string expected) => At(resource, path)?.ToString() == expected;
}
