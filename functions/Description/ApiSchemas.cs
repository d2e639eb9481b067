using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization.Metadata;
using Lentigo.Core.Decisions;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Description;

/// <summary>Generates JSON Schemas (draft 2020-12) of the documents that the app returns from their types and documentation comments.</summary>
internal sealed class ApiSchemas
{
    private static readonly NullabilityInfoContext Nullability = new();
    private readonly DocumentationComments comments = new(typeof(ApiSchemas), typeof(Prediction));
    private readonly SortedDictionary<string, (Type Type, JsonNode Schema)> components = new(StringComparer.Ordinal);

    /// <summary>The schemas of all object types generated so far, by name.</summary>
    public JsonObject Components => [.. components.Select(c => KeyValuePair.Create(c.Key, (JsonNode?)c.Value.Schema.DeepClone()))];

    /// <summary>The schema of a type that the app serializes; object types become references to <see cref="Components"/>.</summary>
    public JsonNode Of(Type type)
    {
        if (type == typeof(PredictionOrProblem))
        {
            return PredictionOrProblem();
        }

        return FunctionsJson.Default.Options.GetJsonSchemaAsNode(type, new() { TreatNullObliviousAsNonNullable = true, TransformSchemaNode = Transform });
    }

    private JsonNode Transform(JsonSchemaExporterContext context, JsonNode schema)
    {
        Type type = Nullable.GetUnderlyingType(context.TypeInfo.Type) ?? context.TypeInfo.Type;
        PropertyInfo? property = context.PropertyInfo is { } p ? PropertyOf(p.DeclaringType, p.Name) : null;
        JsonNode result = type switch
        {
            _ when type == typeof(PredictionOrProblem) => PredictionOrProblem(),
            _ when type == typeof(JsonElement) => PartOfResult(property),
            _ when context.TypeInfo.Kind == JsonTypeInfoKind.Object => Component(context.TypeInfo, type, schema.AsObject()),
            _ when schema["$ref"] is not null => Of(type), // the exporter's reference points into its own document, which is split up here
            _ => schema,
        };
        RemoveNull(result.AsObject());
        if (property is not null && comments.Of(property) is { } description)
        {
            result["description"] = description;
        }

        return result;
    }

    /// <summary>Removes null from the allowed types: null members are omitted from documents.</summary>
    private static void RemoveNull(JsonObject schema)
    {
        if (schema["type"] is JsonArray types)
        {
            schema["type"] = types.Select(t => t!.GetValue<string>()).First(t => t != "null");
        }
    }

    private JsonObject Component(JsonTypeInfo info, Type type, JsonObject schema)
    {
        if (!components.TryGetValue(type.Name, out (Type Type, JsonNode Schema) known))
        {
            RemoveNull(schema);
            JsonArray required = [.. info.Properties.Where(p => p.Get is not null && PropertyOf(type, p.Name) is { } member && IsAlwaysThere(member)).Select(p => (JsonNode)p.Name)];
            schema.Remove("required");
            if (required.Count > 0)
            {
                schema["required"] = required;
            }

            if (comments.Of(type) is { } description)
            {
                schema["description"] = description;
            }

            components[type.Name] = (type, schema);
        }
        else if (known.Type != type)
        {
            throw new InvalidOperationException($"Two types of the API are named {type.Name}. Rename one.");
        }

        return Reference(type);
    }

    private static JsonObject Reference(Type type) => new() { ["$ref"] = $"#/components/schemas/{type.Name}" };

    private JsonObject PredictionOrProblem() => new()
    {
        ["description"] = "The answer to one of several images, or the problem if it cannot be classified: an answer has `label`, a problem has `type`.",
        ["anyOf"] = new JsonArray(Of(typeof(Prediction)), Of(typeof(Problem))),
    };

    /// <summary>The schema of a member of a result list that repeats part of a stored result.</summary>
    private JsonNode PartOfResult(PropertyInfo? property) => (property?.DeclaringType, property?.Name) switch
    {
        ({ } type, nameof(ResultSummary.Label)) when type == typeof(ResultSummary) => Of(typeof(ClassProbability)),
        ({ } type, nameof(ResultSummary.Triage)) when type == typeof(ResultSummary) => Of(typeof(Triage)),
        ({ } type, nameof(ResultSummary.Problem)) when type == typeof(ResultSummary) => Of(typeof(Problem)),
        _ => new JsonObject { ["type"] = "object", ["additionalProperties"] = true },
    };

    private static PropertyInfo? PropertyOf(Type type, string jsonName) =>
        type.GetProperties(BindingFlags.Instance | BindingFlags.Public).FirstOrDefault(p => JsonNamingPolicy.CamelCase.ConvertName(p.Name) == jsonName);

    private static bool IsAlwaysThere(PropertyInfo property) =>
        property.PropertyType.IsValueType ? Nullable.GetUnderlyingType(property.PropertyType) is null : Nullability.Create(property).ReadState == NullabilityState.NotNull;
}
