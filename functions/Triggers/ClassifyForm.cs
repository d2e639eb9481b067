using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Classifies the image submitted with the page's plain HTML form, for browsers without JavaScript.</summary>
public sealed class ClassifyForm(ImageRequests requests, Classification classification, ServingOptions options)
{
    /// <summary><c>POST /classify</c>: the same as <c>POST /api/predict</c>, but the response is an HTML page.</summary>
    [Function("classify-form")]
    public async Task<IResult> RunAsync([HttpTrigger(AuthorizationLevel.Function, "post", Route = "classify")] HttpRequest request, FunctionContext context)
    {
        PageTexts texts = PageTexts.Of(request);
        try
        {
            CancellationToken gone = request.HttpContext.RequestAborted;
            using RequestImages image = await requests.ReadFirstAsync(request, gone);
            return PlainAnswer.Of(await classification.ClassifyUnlessOverloadedAsync(image.First, context.InvocationId, options.Defaults, gone), texts);
        }
        catch (ImageRejectedException e)
        {
            return PlainAnswer.Of(Problem.Rejected(e), texts);
        }
        catch (ProblemException e)
        {
            return PlainAnswer.Of(e.Problem, texts);
        }
    }
}
