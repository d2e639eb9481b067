using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>
/// Does what <see cref="ClassifyLesion"/> does where Event Grid's webhook cannot reach the app, as in a private network: Event Grid writes its events
/// to the queue <c>lesion-events</c> by its identity. Of the functions that watch the lesions exactly one is enabled.
/// </summary>
public sealed class ClassifyLesionEvent(LesionBlobs lesions)
{
    /// <summary>The event of a new or changed blob to <c>results/{name}.json</c>.</summary>
    [Function("classify-lesion-event")]
    public Task RunAsync([QueueTrigger("lesion-events")] string message, FunctionContext context) =>
        BlobCreatedEvent.Parse(message, LesionBlobs.LesionsContainer) is { } created
            ? lesions.ClassifyTriggeredAsync(created.Name, context.InvocationId, context.CancellationToken)
            : Task.CompletedTask;
}
