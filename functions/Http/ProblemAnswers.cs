using Lentigo.Core.Imaging;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Http;

/// <summary>Turns the exceptions of HTTP functions into problem documents. This is the only place that does so.</summary>
public sealed class ProblemAnswers(ILogger<ProblemAnswers> log) : IFunctionsWorkerMiddleware
{
    private const int ClientClosedRequest = 499;
    private const string RetryAfterSeconds = "5";

    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        if (context.GetHttpContext() is not { } http)
        {
            await next(context); // a blob or queue trigger: the host counts the attempts
            return;
        }

        try
        {
            await next(context);
        }
        catch (ImageRejectedException e)
        {
            log.LogInformation("{Id}: rejected, {Reason}", context.InvocationId, e.Reason);
            context.GetInvocationResult().Value = Answers.From(Problem.Rejected(e), http.Request);
        }
        catch (PredictionOptionsException e)
        {
            context.GetInvocationResult().Value = Answers.From(Problem.InvalidParameter(e.Parameter, e.Allowed), http.Request);
        }
        catch (ProblemException e)
        {
            if (e.Problem.Status == StatusCodes.Status503ServiceUnavailable)
            {
                http.Response.Headers.RetryAfter = RetryAfterSeconds;
            }

            context.GetInvocationResult().Value = Answers.From(e.Problem, http.Request);
        }
        catch (Exception) when (http.RequestAborted.IsCancellationRequested)
        {
            context.GetInvocationResult().Value = Results.StatusCode(ClientClosedRequest);
        }
        catch (Exception e)
        {
            log.LogError(e, "{Id}: The function {Function} failed.", context.InvocationId, context.FunctionDefinition.Name);
            context.GetInvocationResult().Value = Answers.From(Problem.Internal(context.InvocationId), http.Request);
        }
    }
}
