using System.Text.Json;
using System.Text.Json.Serialization;

namespace Lentigo.Training;

/// <summary>The JSON of recipes, logs and checkpoints: camelCase; unknown keys are refused.</summary>
internal static class TrainingJson
{
    // Reflection, not source generation: the generator forgets the defaults of init-only properties that a file leaves out.
    public static JsonSerializerOptions Options { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };
}
