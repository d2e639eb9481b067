using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>
/// Replaces <see cref="ClassifyLesion"/> where Event Grid's webhook cannot reach the app, for example in a private network: Event Grid uses its managed
/// identity to write the events to the queue <c>lesion-events</c>. Exactly one of the functions that watch the lesions is enabled.
/// </summary>
public sealed class ClassifyLesionEvent(LesionBlobs lesions)
{
    /// <summary>Classifies the new or changed blob named by the event and writes <c>results/{name}.json</c>.</summary>
    [Function("classify-lesion-event")]
    public Task RunAsync([QueueTrigger("lesion-events")] string message, FunctionContext context) =>
        BlobCreatedEvent.Parse(message, LesionBlobs.LesionsContainer) is { } created
            ? lesions.ClassifyTriggeredAsync(created.Name, context.InvocationId, context.CancellationToken)
            : Task.CompletedTask;
}
