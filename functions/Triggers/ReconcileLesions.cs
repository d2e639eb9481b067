using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Answers what the blob triggers missed: an event that was lost, an upload that a scan overtook, work that a crash cut off.</summary>
public sealed class ReconcileLesions(LesionReconciliation reconciliation)
{
    /// <summary>Once a minute: classifies images older than the setting <c>Lentigo__ReconcileAfter</c> that have no current result.</summary>
    [Function("reconcile-lesions")]
    public Task RunAsync([TimerTrigger("30 * * * * *")] TimerInfo timer, FunctionContext context) =>
        reconciliation.RunAsync(context.InvocationId, context.CancellationToken);
}
