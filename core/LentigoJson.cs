using System.Text.Json.Serialization;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Core;

/// <summary>The JSON context of the documents that serving and training share: camelCase, without nulls, indented for readability.</summary>
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
