using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Writes a result for images whose processing failed in every attempt of the host, so that no dropped image is left without a result.</summary>
public sealed class ReportFailedLesion(LesionBlobs lesions)
{
    /// <summary>Turns the host's message about the blob into a result with the status <c>failed</c>.</summary>
    [Function("report-failed-lesion")]
    public Task RunAsync([QueueTrigger("webjobs-blobtrigger-poison")] string message, FunctionContext context) =>
        lesions.ReportPoisonBlobAsync(message, context.InvocationId, context.CancellationToken);
}
