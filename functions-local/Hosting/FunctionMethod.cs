using System.Globalization;
using System.Reflection;
using System.Runtime.ExceptionServices;
using Azure.Storage.Blobs;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace Lentigo.Functions.Local.Hosting;

/// <summary>A method with <see cref="FunctionAttribute"/>, its trigger and how its parameters are filled.</summary>
internal sealed class FunctionMethod
{
    private readonly MethodInfo method;
    private readonly ParameterInfo triggerParameter;

    private FunctionMethod(string name, MethodInfo method, ParameterInfo triggerParameter, Attribute trigger)
    {
        Name = name;
        this.method = method;
        this.triggerParameter = triggerParameter;
        Trigger = trigger;
    }

    /// <summary>The function's name.</summary>
    public string Name { get; }

    /// <summary>The function's id as the Functions host forms it for receipts and blob messages.</summary>
    public string Id => $"Host.Functions.{Name}";

    /// <summary><see cref="HttpTriggerAttribute"/>, <see cref="BlobTriggerAttribute"/> or <see cref="QueueTriggerAttribute"/>.</summary>
    public Attribute Trigger { get; }

    /// <summary>The parameters that are filled by name from the trigger's path.</summary>
    public IEnumerable<ParameterInfo> NamedParameters => method.GetParameters().Where(p => p != triggerParameter && !IsContext(p.ParameterType));

    /// <summary>Finds the functions of an app.</summary>
    /// <exception cref="InvalidOperationException">A function cannot be run by this runtime; the message says why.</exception>
    public static IReadOnlyList<FunctionMethod> Discover(IEnumerable<Type> classes)
    {
        List<FunctionMethod> found = [];
        foreach (MethodInfo method in classes.SelectMany(c => c.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)))
        {
            if (method.GetCustomAttribute<FunctionAttribute>() is { } function)
            {
                found.Add(Create(function.Name, method));
            }
        }

        string? twice = found.GroupBy(f => f.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1)?.Key;
        return twice is null ? found : throw new InvalidOperationException($"Two functions are named '{twice}'. Names of functions must differ, whatever their case.");
    }

    /// <summary>Runs the method on a new instance of its class, made with the context's services.</summary>
    public async Task<object?> InvokeAsync(LocalFunctionContext context, object? payload)
    {
        object? instance = method.IsStatic ? null : ActivatorUtilities.CreateInstance(context.InstanceServices, method.DeclaringType!);
        object?[] arguments = [.. method.GetParameters().Select(p => Argument(p, context, payload))];
        try
        {
            object? returned;
            try
            {
                returned = method.Invoke(instance, arguments);
            }
            catch (TargetInvocationException e) when (e.InnerException is not null)
            {
                ExceptionDispatchInfo.Throw(e.InnerException);
                throw;
            }

            if (returned is not Task task)
            {
                return returned;
            }

            await task.ConfigureAwait(false);
            return method.ReturnType.IsGenericType ? task.GetType().GetProperty(nameof(Task<>.Result))!.GetValue(task) : null;
        }
        finally
        {
            switch (instance)
            {
                case IAsyncDisposable asynchronous: await asynchronous.DisposeAsync().ConfigureAwait(false); break;
                case IDisposable disposable: disposable.Dispose(); break;
            }
        }
    }

    private static FunctionMethod Create(string name, MethodInfo method)
    {
        (ParameterInfo Parameter, Attribute Trigger)[] triggers =
        [
            .. method.GetParameters()
                .Select(p => (p, p.GetCustomAttributes().FirstOrDefault(a => a is HttpTriggerAttribute or BlobTriggerAttribute or QueueTriggerAttribute)!))
                .Where(p => p.Item2 is not null),
        ];
        if (triggers.Length != 1)
        {
            throw Fault($"it has {triggers.Length} triggers instead of one");
        }

        (ParameterInfo parameter, Attribute trigger) = triggers[0];
        Type expected = trigger switch
        {
            HttpTriggerAttribute => typeof(HttpRequest),
            BlobTriggerAttribute => typeof(BlobClient),
            _ => typeof(string),
        };
        if (parameter.ParameterType != expected)
        {
            throw Fault($"its {trigger.GetType().Name[..^"Attribute".Length]} parameter is a {parameter.ParameterType.Name}; the local runtime binds {expected.Name}");
        }

        if (method.ReturnType == typeof(void) && method.GetCustomAttribute<System.Runtime.CompilerServices.AsyncStateMachineAttribute>() is not null)
        {
            throw Fault("it is async void, so nobody would see it fail; return Task");
        }

        return new(name, method, parameter, trigger);

        InvalidOperationException Fault(string why) => new($"The function '{name}' ({method.DeclaringType!.FullName}.{method.Name}) cannot be run: {why}.");
    }

    private static bool IsContext(Type type) => type == typeof(FunctionContext) || type == typeof(CancellationToken);

    private object? Argument(ParameterInfo parameter, LocalFunctionContext context, object? payload)
    {
        if (parameter == triggerParameter)
        {
            return payload;
        }

        if (parameter.ParameterType == typeof(FunctionContext))
        {
            return context;
        }

        if (parameter.ParameterType == typeof(CancellationToken))
        {
            return context.CancellationToken;
        }

        object? value = context.BindingContext.BindingData.FirstOrDefault(d => string.Equals(d.Key, parameter.Name, StringComparison.OrdinalIgnoreCase)).Value;
        Type type = Nullable.GetUnderlyingType(parameter.ParameterType) ?? parameter.ParameterType;
        return value is null || type.IsInstanceOfType(value)
            ? value
            : type == typeof(Guid) ? Guid.Parse((string)value, CultureInfo.InvariantCulture) : Convert.ChangeType(value, type, CultureInfo.InvariantCulture);
    }
}
