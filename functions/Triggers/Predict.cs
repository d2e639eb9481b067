using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Classifies the image of a request.</summary>
public sealed class Predict(ImageRequests requests, Classification classification, FeedbackStore feedback, ServingOptions options)
{
    /// <summary>
    /// <c>POST /api/predict</c>: the image as the body or as the multipart field <c>image</c>. Several such fields are answered with an array in their order, in which an
    /// image that cannot be classified has its problem document.
    /// </summary>
    [Function("predict")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/predict")] HttpRequest request, FunctionContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(context);
        CancellationToken gone = request.HttpContext.RequestAborted;
        PredictionOptions asked = PredictQuery.Read(request.Query, options.Defaults);
        using RequestImages images = await requests.ReadAsync(request, gone);
        if (images.Count == 1)
        {
            Prediction answer = await classification.ClassifyUnlessOverloadedAsync(images.First, context.InvocationId, asked, gone);
            await feedback.KeepAsync(answer, gone);
            return Answers.Json(answer, FunctionsJson.Default.Prediction);
        }

        IReadOnlyList<PredictionOrProblem> answers = await classification.ClassifyUnlessOverloadedAsync(images.All, context.InvocationId, asked, gone);
        await Task.WhenAll(answers.Select(a => a.Prediction).OfType<Prediction>().Select(a => feedback.KeepAsync(a, gone)));
        return Answers.Json(answers, FunctionsJson.Default.IReadOnlyListPredictionOrProblem);
    }
}
