namespace Microsoft.Azure.Functions.Worker.Middleware;

/// <summary>The rest of the pipeline, at its end the function.</summary>
public delegate Task FunctionExecutionDelegate(FunctionContext context);

/// <summary>Runs around every invocation.</summary>
public interface IFunctionsWorkerMiddleware
{
    /// <summary>Handles an invocation, usually by calling <paramref name="next"/> in between.</summary>
    public Task Invoke(FunctionContext context, FunctionExecutionDelegate next);
}
