using System.Reflection;
using System.Reflection.Emit;
using Lentigo.Functions.Local.Worker;
using Microsoft.Azure.WebJobs;
using Binder = Microsoft.Azure.WebJobs.Binder;
using ExecutionContext = Microsoft.Azure.WebJobs.ExecutionContext;

namespace Lentigo.Functions.Local.Triggers;

/// <summary>
/// Emits a class with a method for each function of the app, because the WebJobs SDK discovers functions as methods with trigger attributes. Each method only
/// passes its arguments to <see cref="TriggerCalls.CallAsync"/>.
/// </summary>
internal sealed class TriggerMethods : ITypeLocator
{
    private const string ClassName = "Triggers";
    private static readonly MethodInfo Call = typeof(TriggerCalls).GetMethod(nameof(TriggerCalls.CallAsync))!;
    private readonly Type type;

    /// <summary>Emits the class.</summary>
    /// <param name="functions">The functions.</param>
    /// <param name="byEvents">The functions with a blob trigger that is driven by events instead of polling.</param>
    public TriggerMethods(IEnumerable<AppFunction> functions, IReadOnlyCollection<AppFunction> byEvents)
    {
        TypeBuilder builder = AssemblyBuilder.DefineDynamicAssembly(new("Lentigo.Functions.Local.Emitted"), AssemblyBuilderAccess.Run)
            .DefineDynamicModule("Emitted")
            .DefineType(ClassName, TypeAttributes.Public, typeof(TriggerCalls));
        foreach (AppFunction function in functions)
        {
            Define(builder, function, byEvents.Contains(function));
        }

        type = builder.CreateType();
    }

    /// <summary>Whether the launcher supports the trigger of a function.</summary>
    public static bool CanListenTo(AppFunction function) => function.TriggerType is "blobTrigger" or "queueTrigger" or "timerTrigger";

    /// <summary>Returns the id by which the WebJobs SDK identifies a function.</summary>
    public static string IdOf(AppFunction function) => $"{ClassName}.{function.Name}";

    /// <inheritdoc/>
    public IReadOnlyList<Type> GetTypes() => [type];

    private static void Define(TypeBuilder builder, AppFunction function, bool byEvents)
    {
        (Type valueType, CustomAttributeBuilder trigger) = function.TriggerType switch
        {
            "blobTrigger" => (Value(), Attribute<BlobTriggerAttribute>(function["path"]!, (nameof(BlobTriggerAttribute.Source), BlobSource()), Connection())),
            "queueTrigger" => (Value(), Attribute<QueueTriggerAttribute>(function["queueName"]!, Connection())),
            _ => (typeof(TimerInfo), Attribute<TimerTriggerAttribute>(
                function["schedule"]!,
                (nameof(TimerTriggerAttribute.RunOnStartup), Flag("runOnStartup") ?? false),
                (nameof(TimerTriggerAttribute.UseMonitor), false))), // timer runs missed while the machine was off are not made up
        };

        MethodBuilder method = builder.DefineMethod(function.Name, MethodAttributes.Public, typeof(Task), [valueType, typeof(Binder), typeof(ExecutionContext), typeof(CancellationToken)]);
        method.SetCustomAttribute(Attribute<FunctionNameAttribute>(function.Name));
        method.DefineParameter(1, ParameterAttributes.None, "trigger").SetCustomAttribute(trigger);
        method.DefineParameter(2, ParameterAttributes.None, "binder");
        method.DefineParameter(3, ParameterAttributes.None, "context");
        method.DefineParameter(4, ParameterAttributes.None, "cancellationToken");
        ILGenerator code = method.GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ldstr, function.Name);
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Ldarg_2);
        code.Emit(OpCodes.Ldarg_3);
        code.Emit(OpCodes.Ldarg_S, (byte)4);
        code.Emit(OpCodes.Call, Call);
        code.Emit(OpCodes.Ret);

        Type Value() => function.IsDeferred ? typeof(ParameterBindingData) : typeof(string);

        (string, object?) Connection() => (nameof(BlobTriggerAttribute.Connection), function["connection"]);

        object? BlobSource() => byEvents ? BlobTriggerSource.EventGrid
            : function["source"] is { } source ? Enum.Parse<BlobTriggerSource>(source, ignoreCase: true) : null;

        object? Flag(string property) => function[property] is { } flag ? bool.Parse(flag) : null;
    }

    private static CustomAttributeBuilder Attribute<T>(string argument, params (string Name, object? Value)[] properties)
        where T : Attribute
    {
        (string Name, object? Value)[] set = [.. properties.Where(p => p.Value is not null)];
        return new(typeof(T).GetConstructor([typeof(string)])!, [argument], [.. set.Select(p => typeof(T).GetProperty(p.Name)!)], [.. set.Select(p => p.Value!)]);
    }
}
