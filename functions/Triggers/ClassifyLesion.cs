using Azure.Storage.Blobs;
using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Classifies an image dropped into the container <c>lesions</c>, triggered by Event Grid.</summary>
public sealed class ClassifyLesion(LesionBlobs lesions)
{
    /// <summary>
    /// Classifies <c>lesions/{name}</c> and writes <c>results/{name}.json</c>. Only the name is used, because the worker's own client would trim slashes from
    /// it.
    /// </summary>
    [Function("classify-lesion")]
    public Task RunAsync([BlobTrigger("lesions/{name}", Source = BlobTriggerSource.EventGrid)] BlobClient lesion, string name, FunctionContext context) =>
        lesions.ClassifyTriggeredAsync(name, context.InvocationId, context.CancellationToken);
}
