using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Does for <see cref="ClassifyLesionEvent"/> what <see cref="ReportFailedLesion"/> does for the blob triggers.</summary>
public sealed class ReportFailedLesionEvent(LesionBlobs lesions)
{
    /// <summary>An event that failed as often as the host tries becomes a result with the status <c>failed</c>.</summary>
    [Function("report-failed-lesion-event")]
    public Task RunAsync([QueueTrigger("lesion-events-poison")] string message, FunctionContext context) =>
        lesions.ReportPoisonEventAsync(message, context.InvocationId, context.CancellationToken);
}
