using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Processes images that the blob triggers missed because an event was lost, a scan skipped an upload, or a crash interrupted the work.</summary>
public sealed class ReconcileLesions(LesionReconciliation reconciliation)
{
    /// <summary>Once a minute: classifies images older than the setting <c>Lentigo__ReconcileAfter</c> that have no current result.</summary>
    [Function("reconcile-lesions")]
    public Task RunAsync([TimerTrigger("30 * * * * *")] TimerInfo timer, FunctionContext context) =>
        reconciliation.RunAsync(context.InvocationId, context.CancellationToken);
}
