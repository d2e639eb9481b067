using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Contracts;

/// <summary>JSON serialization of all documents that the app returns, with the same conventions as <see cref="LentigoJson"/>.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    WriteIndented = true)]
[JsonSerializable(typeof(Prediction))]
[JsonSerializable(typeof(LesionResult))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(IReadOnlyList<PredictionOrProblem>))]
[JsonSerializable(typeof(ServiceHealth))]
[JsonSerializable(typeof(ServiceStatus))]
[JsonSerializable(typeof(ModelManifest))]
[JsonSerializable(typeof(LesionReceipt))]
[JsonSerializable(typeof(RefusedVersion))]
[JsonSerializable(typeof(CandidateStatus))]
[JsonSerializable(typeof(JsonObject))]
[JsonSerializable(typeof(FeedbackRequest))]
[JsonSerializable(typeof(FeedbackReceipt))]
[JsonSerializable(typeof(ResultPage))]
[JsonSerializable(typeof(IReadOnlyList<ModelVersion>))]
[JsonSerializable(typeof(OfflineApp))]
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class FunctionsJson : JsonSerializerContext;
