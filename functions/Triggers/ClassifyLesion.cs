using Azure.Storage.Blobs;
using Lentigo.Functions.Serving;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Triggers;

/// <summary>Classifies an image dropped into the container <c>lesions</c>, as Event Grid tells of it.</summary>
public sealed class ClassifyLesion(LesionBlobs lesions)
{
    /// <summary><c>lesions/{name}</c> to <c>results/{name}.json</c>. The worker's own client would trim slashes from the name, so only the name is taken.</summary>
    [Function("classify-lesion")]
    public Task RunAsync([BlobTrigger("lesions/{name}", Source = BlobTriggerSource.EventGrid)] BlobClient lesion, string name, FunctionContext context) =>
        lesions.ClassifyTriggeredAsync(name, context.InvocationId, context.CancellationToken);
}
