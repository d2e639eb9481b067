using Azure.Storage.Blobs;
using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>
/// Replaces <see cref="ClassifyLesion"/> where Event Grid cannot reach the app: the host scans the container. Exactly one of these functions is enabled,
/// through the settings <c>AzureWebJobs.{function}.Disabled</c>.
/// </summary>
public sealed class ClassifyLesionScan(LesionBlobs lesions)
{
    /// <inheritdoc cref="ClassifyLesion.RunAsync"/>
    [Function("classify-lesion-scan")]
    public Task RunAsync([BlobTrigger("lesions/{name}", Source = BlobTriggerSource.LogsAndContainerScan)] BlobClient lesion, string name, FunctionContext context) =>
        lesions.ClassifyTriggeredAsync(name, context.InvocationId, context.CancellationToken);
}
