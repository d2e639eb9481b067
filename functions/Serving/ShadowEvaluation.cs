using Lentigo.Core.Imaging;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Lets the candidate classify images that the version that serves has answered, and counts how far both agree. One image at a time, and only while no
/// caller's image waits for a processor; images beyond a bound of those that wait are left out and counted.
/// </summary>
internal sealed class ShadowEvaluation(
    CandidateModel candidate, ClassificationQueue queue, PixelBudget budget, ServingOptions options, ServingMetrics metrics) : IDisposable
{
    /// <summary>The most images that wait.</summary>
    internal const int MaxWaiting = 64;

    /// <summary>The most bytes of images that wait; one of the largest size always may.</summary>
    private const long MaxWaitingBytes = 64_000_000;

    private readonly long maxBytes = Math.Max(MaxWaitingBytes, options.MaxImageBytes);
    private readonly Lock gate = new();
    private readonly SemaphoreSlim turn = new(1);
    private readonly CancellationTokenSource stopping = new();
    private int waiting;
    private long waitingBytes;

    /// <summary>How many images wait or are being classified.</summary>
    internal int Waiting => Volatile.Read(ref waiting);

    /// <summary>Begins the comparison and returns at once.</summary>
    /// <param name="file">The image file.</param>
    /// <param name="asked">What was chosen of the answer.</param>
    /// <param name="answer">The answer of the version that serves.</param>
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

    /// <summary>Gives up what waits.</summary>
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
            // The app stops.
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
