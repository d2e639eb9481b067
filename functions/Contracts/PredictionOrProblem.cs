using System.Text.Json;
using System.Text.Json.Serialization;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Contracts;

/// <summary>
/// The outcome for one image of a request with several images: an element of the response's array. Serialized as whichever of the two is set.
/// </summary>
/// <param name="Prediction">The prediction for the image.</param>
/// <param name="Problem">Why the image could not be classified.</param>
[JsonConverter(typeof(Converter))]
internal sealed record PredictionOrProblem(Prediction? Prediction, Problem? Problem)
{
    internal sealed class Converter : JsonConverter<PredictionOrProblem>
    {
        public override PredictionOrProblem Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return document.RootElement.TryGetProperty("label", out _)
                ? new(document.RootElement.Deserialize(FunctionsJson.Default.Prediction), null)
                : new(null, document.RootElement.Deserialize(FunctionsJson.Default.Problem));
        }

        public override void Write(Utf8JsonWriter writer, PredictionOrProblem value, JsonSerializerOptions options)
        {
            if (value.Prediction is { } prediction)
            {
                JsonSerializer.Serialize(writer, prediction, FunctionsJson.Default.Prediction);
            }
            else
            {
                JsonSerializer.Serialize(writer, value.Problem!, FunctionsJson.Default.Problem);
            }
        }
    }
}
