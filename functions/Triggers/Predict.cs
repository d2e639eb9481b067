using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Classifies the image of a request.</summary>
public sealed class Predict(Classification classification, FeedbackStore feedback, ServingOptions options)
{
    /// <summary><c>POST /api/predict</c>: the image as the body or as the multipart field <c>image</c>.</summary>
    [Function("predict")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/predict")] HttpRequest request, FunctionContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(context);
        CancellationToken gone = request.HttpContext.RequestAborted;
        PredictionOptions asked = PredictQuery.Read(request.Query, options.Defaults);
        byte[] image = await ImageRequest.ReadAsync(request, options.MaxImageBytes, gone);
        Prediction answer = await classification.ClassifyUnlessOverloadedAsync(image, context.InvocationId, asked, gone);
        await feedback.KeepAsync(answer, gone);
        return Answers.Json(answer, FunctionsJson.Default.Prediction);
    }
}
