using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Fhir;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Classifies the images of a request.</summary>
public sealed class Predict(ImageRequests requests, Classification classification, NamedModels models, FeedbackStore feedback, ServingOptions options, TimeProvider time)
{
    /// <summary>
    /// <c>POST /api/predict?model=</c>: the image is the body or the multipart field <c>image</c>. If there are several such fields, the response is an array
    /// in their order, which contains a problem document for each image that cannot be classified. The response is FHIR if the header Accept prefers it.
    /// </summary>
    [Function("predict")]
    public Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/predict")] HttpRequest request, FunctionContext context)
    {
        ArgumentNullException.ThrowIfNull(request);
        return AnswerAsync(request, request.Query["model"] is [{ Length: > 0 } model] ? model : null, context);
    }

    /// <summary><c>POST /api/models/{name}/predict</c>: the same, with the model in the path.</summary>
    [Function("predict-with")]
    public Task<IResult> RunWithAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "api/models/{name}/predict")] HttpRequest request, string name, FunctionContext context) =>
        AnswerAsync(request, name, context);

    private async Task<IResult> AnswerAsync(HttpRequest request, string? modelName, FunctionContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        CancellationToken gone = request.HttpContext.RequestAborted;
        PredictionOptions asked = PredictQuery.Read(request.Query, options.Defaults);
        CurrentModel model = await models.OfAsync(modelName, gone);
        using RequestImages images = await requests.ReadAsync(request, gone);
        bool isFhir = AcceptedAnswers.PrefersFhir(request);
        if (images.Count == 1)
        {
            Prediction answer = await classification.ClassifyUnlessOverloadedAsync(images.First, context.InvocationId, asked, gone, model);
            await feedback.KeepAsync(answer, gone);
            return isFhir ? Answers.Fhir(FhirDocuments.Report(answer, time.GetUtcNow())) : Answers.Json(answer, FunctionsJson.Default.Prediction);
        }

        IReadOnlyList<PredictionOrProblem> answers = await classification.ClassifyUnlessOverloadedAsync(images.All, context.InvocationId, asked, gone, model);
        await Task.WhenAll(answers.Select(a => a.Prediction).OfType<Prediction>().Select(a => feedback.KeepAsync(a, gone)));
        return isFhir ? Answers.Fhir(FhirDocuments.Collection(answers, time.GetUtcNow())) : Answers.Json(answers, FunctionsJson.Default.IReadOnlyListPredictionOrProblem);
    }
}
