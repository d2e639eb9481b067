using System.Diagnostics;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Middleware;

namespace Lentigo.Functions.Http;

/// <summary>Records the duration and status of HTTP requests.</summary>
public sealed class RequestTelemetry(ServingMetrics metrics) : IFunctionsWorkerMiddleware
{
    /// <inheritdoc/>
    public async Task Invoke(FunctionContext context, FunctionExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        long start = Stopwatch.GetTimestamp();
        await next(context);
        if (context.GetHttpContext() is { } http)
        {
            int status = (context.GetInvocationResult().Value as IStatusCodeHttpResult)?.StatusCode ?? http.Response.StatusCode;
            metrics.Request(context.FunctionDefinition.Name, status, Stopwatch.GetElapsedTime(start));
        }
    }
}
