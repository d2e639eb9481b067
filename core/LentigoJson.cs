using System.Text.Json.Serialization;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Core;

/// <summary>The JSON serialization context of the documents shared by serving and training: camelCase, nulls omitted, indented for readability.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(Prediction))]
[JsonSerializable(typeof(FeedbackRecord))]
[JsonSerializable(typeof(ModelManifest))]
[JsonSerializable(typeof(CurrentVersion))]
[JsonSerializable(typeof(ValidationAnswers))]
[JsonSerializable(typeof(IReadOnlyList<NamedCase>))]
[JsonSerializable(typeof(ClassificationMetrics))]
[JsonSerializable(typeof(EvaluationReport))]
public sealed partial class LentigoJson : JsonSerializerContext;
