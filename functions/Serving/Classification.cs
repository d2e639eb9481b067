using Lentigo.Core.Imaging;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>Classifies image files with the current model, as many at once as there are processors: more would only need more memory.</summary>
public sealed class Classification(CurrentModel current, ServingOptions options) : IDisposable
{
    private readonly SemaphoreSlim processors = new(Environment.ProcessorCount);
    private int pending;

    /// <summary>Classifies the image file of a caller who can come again: refuses it where too many wait already.</summary>
    /// <exception cref="ProblemException">No model is loaded yet, or <see cref="ServingOptions.MaxPendingImages"/> are waiting.</exception>
    /// <inheritdoc cref="ClassifyAsync"/>
    public async Task<Prediction> ClassifyUnlessOverloadedAsync(byte[] file, string id, PredictionOptions asked, CancellationToken cancellationToken)
    {
        try
        {
            return Interlocked.Increment(ref pending) <= options.MaxPendingImages
                ? await ClassifyAsync(file, id, asked, cancellationToken)
                : throw new ProblemException(Problem.Overloaded());
        }
        finally
        {
            Interlocked.Decrement(ref pending);
        }
    }

    /// <summary>Classifies one image file.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="asked">What of the answer is chosen.</param>
    /// <param name="cancellationToken">Gives up waiting for a processor.</param>
    /// <exception cref="ImageRejectedException">The file cannot be classified.</exception>
    /// <exception cref="PredictionOptionsException">The model cannot give what is asked for.</exception>
    /// <exception cref="ProblemException">No model is loaded yet.</exception>
    public async Task<Prediction> ClassifyAsync(byte[] file, string id, PredictionOptions asked, CancellationToken cancellationToken)
    {
        using ModelLease lease = current.Acquire();
        await processors.WaitAsync(cancellationToken);
        try
        {
            return await Task.Run(() => lease.Model.Classify(file, id, options.Limits, asked), CancellationToken.None);
        }
        finally
        {
            processors.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => processors.Dispose();
}
