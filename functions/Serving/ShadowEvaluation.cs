using Lentigo.Core.Imaging;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Lets the candidate classify images that the serving version has answered, and measures their agreement. Images are processed one at a time, and only while
/// no caller's image is waiting for a processor; when too many images are waiting, further ones are skipped and counted.
/// </summary>
internal sealed class ShadowEvaluation(
    CandidateModel candidate, ClassificationQueue queue, PixelBudget budget, ServingOptions options, ServingMetrics metrics) : IDisposable
{
    /// <summary>The maximum number of waiting images.</summary>
    internal const int MaxWaiting = 64;

    /// <summary>The maximum number of bytes of waiting images; one image of the maximum size is always accepted.</summary>
    private const long MaxWaitingBytes = 64_000_000;

    private readonly long maxBytes = Math.Max(MaxWaitingBytes, options.MaxImageBytes);
    private readonly Lock gate = new();
    private readonly SemaphoreSlim turn = new(1);
    private readonly CancellationTokenSource stopping = new();
    private int waiting;
    private long waitingBytes;

    /// <summary>The number of images that are waiting or being classified.</summary>
    internal int Waiting => Volatile.Read(ref waiting);

    /// <summary>Queues an image for comparison and returns immediately.</summary>
    /// <param name="file">The image file.</param>
    /// <param name="asked">The requested options.</param>
    /// <param name="answer">The answer of the serving version.</param>
    public void Begin(byte[] file, PredictionOptions asked, Prediction answer)
    {
        lock (gate)
        {
            if (waiting == MaxWaiting || waitingBytes + file.Length > maxBytes || stopping.IsCancellationRequested)
            {
                metrics.Shadowed(candidate.Status!, answer.Model, "busy");
                return;
            }

            waiting++;
            waitingBytes += file.Length;
        }

        _ = Task.Run(() => CompareAsync(file, asked with { Explain = null, Similar = 0 }, answer));
    }

    /// <summary>Cancels the waiting comparisons.</summary>
    public void Dispose() => stopping.Cancel();

    private async Task CompareAsync(byte[] file, PredictionOptions asked, Prediction answer)
    {
        try
        {
            await turn.WaitAsync(stopping.Token);
            try
            {
                await queue.WhenNoneWaitsAsync(stopping.Token);
                Prediction other = await ClassifyAsync(file, asked, answer.Id);
                metrics.Shadowed(candidate.Status!, answer.Model, "compared");
                metrics.Compared(answer, other);
            }
            finally
            {
                turn.Release();
            }
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            // The app is stopping.
        }
        catch (ImageRejectedException)
        {
            metrics.Shadowed(candidate.Status!, answer.Model, "rejected");
        }
        catch (Exception e)
        {
            metrics.Shadowed(candidate.Status!, answer.Model, "failed");
            candidate.Failed(e);
        }
        finally
        {
            lock (gate)
            {
                waiting--;
                waitingBytes -= file.Length;
            }
        }
    }

    private async Task<Prediction> ClassifyAsync(byte[] file, PredictionOptions asked, string id)
    {
        using IDisposable memory = await budget.ReserveAsync(file, stopping.Token);
        using ModelLease lease = candidate.Model.Acquire();
        ClassifiedImage image = await queue.ClassifyAsync(lease.Model, file, explain: null, stopping.Token);
        return lease.Model.AnswerOf(image.Output, image.Index, image.Image, id, asked);
    }
}
