using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Serving;

/// <summary>Classifies image files with the current model, as many at once as there are processors: more would only need more memory.</summary>
public sealed class Classification(CurrentModel current, ServingOptions options) : IDisposable
{
    private readonly SemaphoreSlim processors = new(Environment.ProcessorCount);

    /// <summary>Classifies one image file.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="cancellationToken">Gives up waiting for a processor.</param>
    /// <exception cref="ImageRejectedException">The file cannot be classified.</exception>
    /// <exception cref="ModelUnavailableException">No model is loaded yet.</exception>
    public async Task<Prediction> ClassifyAsync(byte[] file, string id, CancellationToken cancellationToken)
    {
        using ModelLease lease = current.Acquire();
        await processors.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => LesionClassifier.Classify(lease.Model, file, id, options.Limits), CancellationToken.None);
        }
        finally
        {
            processors.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => processors.Dispose();
}
