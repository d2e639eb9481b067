using System.Text.Json;

namespace Lentigo.Functions.Local.Worker;

/// <summary>A function of the app, as the worker reports it.</summary>
internal sealed class AppFunction
{
    private readonly JsonElement trigger;

    /// <summary>Reads the metadata of a function.</summary>
    /// <exception cref="LaunchException">The function has no trigger.</exception>
    public AppFunction(RpcFunctionMetadata metadata)
    {
        Metadata = metadata;
        JsonElement[] bindings = [.. metadata.RawBindings.Select(b => JsonSerializer.Deserialize<JsonElement>(b))];
        trigger = bindings.FirstOrDefault(b => b.GetProperty("type").GetString()!.EndsWith("Trigger", StringComparison.OrdinalIgnoreCase));
        if (trigger.ValueKind != JsonValueKind.Object)
        {
            throw new LaunchException($"The function '{metadata.Name}' has no trigger. Give one of its parameters a trigger attribute and build again.");
        }
    }

    /// <summary>The metadata as reported by the worker; sent back unchanged to load the function.</summary>
    public RpcFunctionMetadata Metadata { get; }

    /// <summary>The function's name.</summary>
    public string Name => Metadata.Name;

    /// <summary>The trigger's kind, e.g. <c>httpTrigger</c>.</summary>
    public string TriggerType => this["type"]!;

    /// <summary>The name of the parameter that receives the trigger's value.</summary>
    public string TriggerParameter => this["name"]!;

    /// <summary>The HTTP methods of an HTTP trigger; none means all.</summary>
    public IReadOnlyList<string> Methods => Property("methods") is { ValueKind: JsonValueKind.Array } methods ? [.. methods.EnumerateArray().Select(m => m.GetString()!)] : [];

    /// <summary>Whether the trigger uses deferred binding: the worker receives only a reference and reads the value itself.</summary>
    public bool IsDeferred =>
        Property("properties") is { ValueKind: JsonValueKind.Object } properties
        && properties.TryGetProperty("supportsDeferredBinding", out JsonElement value) && value.ToString().Equals("true", StringComparison.OrdinalIgnoreCase);

    /// <summary>A property of the trigger as text, or null if it is absent.</summary>
    public string? this[string property] => Property(property) is { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) } value ? value.ToString() : null;

    private JsonElement Property(string name) =>
        trigger.EnumerateObject().FirstOrDefault(p => p.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;
}
