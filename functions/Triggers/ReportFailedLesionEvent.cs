using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>The counterpart of <see cref="ReportFailedLesion"/> for <see cref="ClassifyLesionEvent"/>.</summary>
public sealed class ReportFailedLesionEvent(LesionBlobs lesions)
{
    /// <summary>Turns an event that failed in every attempt of the host into a result with the status <c>failed</c>.</summary>
    [Function("report-failed-lesion-event")]
    public Task RunAsync([QueueTrigger("lesion-events-poison")] string message, FunctionContext context) =>
        lesions.ReportPoisonEventAsync(message, context.InvocationId, context.CancellationToken);
}
