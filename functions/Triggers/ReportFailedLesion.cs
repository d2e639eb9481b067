using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Answers images whose processing failed as often as the host tries, so that nothing dropped stays unanswered.</summary>
public sealed class ReportFailedLesion(LesionBlobs lesions)
{
    /// <summary>The host's message about the blob becomes a result with the status <c>failed</c>.</summary>
    [Function("report-failed-lesion")]
    public Task RunAsync([QueueTrigger("webjobs-blobtrigger-poison")] string message, FunctionContext context) =>
        lesions.ReportPoisonBlobAsync(message, context.InvocationId, context.CancellationToken);
}
