using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.DependencyInjection;

namespace Lentigo.Functions.Local.Hosting;

/// <summary>Runs a function in a scope of its own, within the middleware and the time that host.json gives.</summary>
internal sealed class FunctionInvoker(IServiceScopeFactory scopes, IEnumerable<IFunctionsWorkerMiddleware> middleware, HostJson options)
{
    private readonly IFunctionsWorkerMiddleware[] middleware = [.. middleware];

    /// <summary>Runs a function and returns its result as the middleware left it.</summary>
    /// <exception cref="TimeoutException">The function took longer than <c>functionTimeout</c> and gave up when its token said so.</exception>
    public async Task<object?> InvokeAsync(
        FunctionMethod function, object? payload, IReadOnlyDictionary<string, object?> bindingData, HttpContext? http, CancellationToken cancellationToken)
    {
        AsyncServiceScope scope = scopes.CreateAsyncScope();
        await using (scope.ConfigureAwait(false))
        {
            using CancellationTokenSource time = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            if (options.FunctionTimeout is { } timeout)
            {
                time.CancelAfter(timeout);
            }

            LocalFunctionContext context = new(function, bindingData, http, scope.ServiceProvider, time.Token);
            FunctionExecutionDelegate pipeline = async c => context.Result.Value = await function.InvokeAsync((LocalFunctionContext)c, payload).ConfigureAwait(false);
            foreach (IFunctionsWorkerMiddleware outer in middleware.Reverse())
            {
                FunctionExecutionDelegate next = pipeline;
                pipeline = c => outer.Invoke(c, next);
            }

            try
            {
                await pipeline(context).ConfigureAwait(false);
            }
            catch (OperationCanceledException e) when (time.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
            {
                throw new TimeoutException($"The function '{function.Name}' took longer than the functionTimeout of {options.FunctionTimeout}.", e);
            }

            return context.Result.Value;
        }
    }
}
