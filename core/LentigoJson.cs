using System.Text.Json.Serialization;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Core;

/// <summary>The one JSON context: camelCase names, nulls left out, indented for the people who open the files.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(Prediction))]
[JsonSerializable(typeof(LesionResult))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(ServiceHealth))]
[JsonSerializable(typeof(ModelManifest))]
[JsonSerializable(typeof(CurrentVersion))]
[JsonSerializable(typeof(ClassificationMetrics))]
[JsonSerializable(typeof(EvaluationReport))]
public sealed partial class LentigoJson : JsonSerializerContext;
