using System.Globalization;
using System.Text.Json;
using Google.Protobuf;
using Lentigo.Functions.Local.Worker;
using Microsoft.Azure.WebJobs;
using Binder = Microsoft.Azure.WebJobs.Binder;
using ExecutionContext = Microsoft.Azure.WebJobs.ExecutionContext;

namespace Lentigo.Functions.Local.Triggers;

/// <summary>The base class of the emitted methods' class: passes a trigger's value and metadata to the worker.</summary>
public abstract class TriggerCalls
{
    internal FunctionsWorker? Worker { get; set; }

    internal IReadOnlyDictionary<string, AppFunction>? Functions { get; set; }

    /// <summary>Calls a function in the worker. Throws if the function fails, so that the WebJobs SDK counts the attempts.</summary>
    /// <param name="function">The function's name.</param>
    /// <param name="trigger">The trigger's value: <see cref="ParameterBindingData"/>, a string or <see cref="TimerInfo"/>.</param>
    /// <param name="binder">Provides the trigger's metadata.</param>
    /// <param name="context">Identifies the call.</param>
    /// <param name="cancellationToken">Canceled when the launcher stops.</param>
    public async Task CallAsync(string function, object trigger, Binder binder, ExecutionContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(binder);
        ArgumentNullException.ThrowIfNull(context);
        AppFunction called = Functions![function];
        InvocationRequest request = new()
        {
            InvocationId = context.InvocationId.ToString(),
            InputData = { new ParameterBinding { Name = called.TriggerParameter, Data = DataOf(trigger) } },
        };
        foreach ((string name, object value) in binder.BindingData)
        {
            if (TextOf(value) is { } text)
            {
                request.TriggerMetadata[name] = new() { String = text };
            }
        }

        await Worker!.InvokeAsync(called, request, cancellationToken);
    }

    private static TypedData DataOf(object trigger) => trigger switch
    {
        ParameterBindingData data => new()
        {
            ModelBindingData = new() { Version = data.Version, Source = data.Source, ContentType = data.ContentType, Content = ByteString.CopyFrom(data.Content.ToMemory().Span) },
        },
        TimerInfo timer => new() { Json = JsonSerializer.Serialize(new { timer.IsPastDue, timer.ScheduleStatus }) },
        _ => new() { String = (string)trigger },
    };

    private static string? TextOf(object? value) => value switch
    {
        string text => text,
        Uri uri => uri.AbsoluteUri,
        DateTimeOffset time => time.ToString("O", CultureInfo.InvariantCulture),
        IDictionary<string, string> texts => JsonSerializer.Serialize(texts),
        int or long or bool => Convert.ToString(value, CultureInfo.InvariantCulture),
        _ => null,
    };
}
