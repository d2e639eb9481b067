using Microsoft.AspNetCore.Http;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>One invocation of a function.</summary>
public abstract class FunctionContext
{
    /// <summary>Identifies the invocation.</summary>
    public abstract string InvocationId { get; }

    /// <summary>Identifies the function.</summary>
    public abstract string FunctionId { get; }

    /// <summary>The function.</summary>
    public abstract FunctionDefinition FunctionDefinition { get; }

    /// <summary>What the trigger knows beside its payload.</summary>
    public abstract BindingContext BindingContext { get; }

    /// <summary>The services of this invocation's scope.</summary>
    public abstract IServiceProvider InstanceServices { get; set; }

    /// <summary>A place for middleware to leave things.</summary>
    public abstract IDictionary<object, object> Items { get; set; }

    /// <summary>Cancelled when the caller is gone, the time is over or the app stops.</summary>
    public virtual CancellationToken CancellationToken { get; }
}

/// <summary>What is known of a function before it runs.</summary>
public abstract class FunctionDefinition
{
    /// <summary>The name in <see cref="FunctionAttribute"/>.</summary>
    public abstract string Name { get; }
}

/// <summary>What the trigger knows beside its payload.</summary>
public abstract class BindingContext
{
    /// <summary>Values by name: route parameters, the parts of a blob's path.</summary>
    public abstract IReadOnlyDictionary<string, object?> BindingData { get; }
}

/// <summary>An invocation's result, which middleware may replace.</summary>
public abstract class InvocationResult
{
    /// <summary>What the function returned.</summary>
    public abstract object? Value { get; set; }
}

/// <summary>Access to an invocation's result.</summary>
public static class FunctionContextBindingFeatureExtensions
{
    /// <summary>The invocation's result.</summary>
    public static InvocationResult GetInvocationResult(this FunctionContext context) =>
        context is Lentigo.Functions.Local.Hosting.LocalFunctionContext local
            ? local.Result
            : throw new ArgumentException("The context is not of this runtime.", nameof(context));
}

/// <summary>Access to an invocation's HTTP request.</summary>
public static class FunctionContextExtensions
{
    /// <summary>The HTTP request and response, or null where the trigger is another.</summary>
    public static HttpContext? GetHttpContext(this FunctionContext context) =>
        (context as Lentigo.Functions.Local.Hosting.LocalFunctionContext)?.Http;
}
