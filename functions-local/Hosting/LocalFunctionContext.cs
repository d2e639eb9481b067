using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Local.Hosting;

/// <summary>One invocation of a function by this runtime.</summary>
internal sealed class LocalFunctionContext(
    FunctionMethod function,
    IReadOnlyDictionary<string, object?> bindingData,
    HttpContext? http,
    IServiceProvider services,
    CancellationToken cancellationToken) : FunctionContext
{
    /// <inheritdoc/>
    public override string InvocationId { get; } = Guid.NewGuid().ToString();

    /// <inheritdoc/>
    public override string FunctionId => function.Id;

    /// <inheritdoc/>
    public override FunctionDefinition FunctionDefinition { get; } = new Definition(function.Name);

    /// <inheritdoc/>
    public override BindingContext BindingContext { get; } = new Bindings(bindingData);

    /// <inheritdoc/>
    public override IServiceProvider InstanceServices { get; set; } = services;

    /// <inheritdoc/>
    public override IDictionary<object, object> Items { get; set; } = new Dictionary<object, object>();

    /// <inheritdoc/>
    public override CancellationToken CancellationToken => cancellationToken;

    /// <summary>The request, for HTTP functions.</summary>
    public HttpContext? Http => http;

    /// <summary>The function's result.</summary>
    public InvocationResult Result { get; } = new Returned();

    private sealed class Definition(string name) : FunctionDefinition
    {
        public override string Name => name;
    }

    private sealed class Bindings(IReadOnlyDictionary<string, object?> data) : BindingContext
    {
        public override IReadOnlyDictionary<string, object?> BindingData => data;
    }

    private sealed class Returned : InvocationResult
    {
        public override object? Value { get; set; }
    }
}
