using System.Diagnostics;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.Functions.Serving;

/// <summary>Classifies image files with the current model or, for its share, the candidate. Images of concurrent callers are batched.</summary>
public sealed class Classification : IDisposable
{
    private readonly CurrentModel current;
    private readonly CandidateModel candidate;
    private readonly ShadowEvaluation shadow;
    private readonly ServingOptions options;
    private readonly ServingMetrics metrics;
    private readonly PixelBudget budget;
    private readonly ClassificationQueue queue;
    private int pending;

    /// <summary>Starts one thread per processor.</summary>
    public Classification(CurrentModel current, CandidateModel candidate, ServingOptions options, PixelBudget budget, ServingMetrics metrics, TimeProvider time)
        : this(current, candidate, options, budget, metrics, time, threads: null)
    {
    }

    internal Classification(
        CurrentModel current, CandidateModel candidate, ServingOptions options, PixelBudget budget, ServingMetrics metrics, TimeProvider time, int? threads)
    {
        this.budget = budget;
        this.current = current;
        this.candidate = candidate;
        this.options = options;
        this.metrics = metrics;
        queue = new(options, metrics, time, threads);
        shadow = new(candidate, queue, budget, options, metrics);
    }

    /// <summary>The number of batches run through the graph so far.</summary>
    internal long Batches => queue.Batches;

    /// <summary>The number of images that the candidate has yet to classify in the background.</summary>
    internal int WaitingShadows => shadow.Waiting;

    /// <summary>Classifies an image file for a caller that can retry; rejects it if too many images are already waiting.</summary>
    /// <exception cref="ProblemException">No model is loaded yet, or <see cref="ServingOptions.MaxPendingImages"/> are waiting.</exception>
    /// <exception cref="ImageRejectedException">The file cannot be classified.</exception>
    /// <exception cref="PredictionOptionsException">The model does not support a requested option.</exception>
    public async Task<Prediction> ClassifyUnlessOverloadedAsync(byte[] file, string id, PredictionOptions asked, CancellationToken cancellationToken, CurrentModel? model = null)
    {
        using Places taken = Take(1);
        return await ClassifyAsync(file, id, asked, ServingMetrics.ByHttp, cancellationToken, model);
    }

    /// <summary>Classifies the image files of one caller that can retry: all of them, or none if too many images are already waiting.</summary>
    /// <param name="images">The files, in the caller's order.</param>
    /// <param name="id">Identifies the request; the id of each answer is this id followed by the image's position, starting at 1.</param>
    /// <param name="asked">The requested options.</param>
    /// <param name="cancellationToken">Cancels the classification.</param>
    /// <param name="model">The model to use; the serving model if null.</param>
    /// <returns>For each file, in order, a prediction, or the problem if the file cannot be classified.</returns>
    /// <exception cref="PredictionOptionsException">The model does not support a requested option.</exception>
    /// <exception cref="ProblemException">No model is loaded yet, or <see cref="ServingOptions.MaxPendingImages"/> are waiting.</exception>
    internal async Task<IReadOnlyList<PredictionOrProblem>> ClassifyUnlessOverloadedAsync(
        IReadOnlyList<ImageBody> images, string id, PredictionOptions asked, CancellationToken cancellationToken, CurrentModel? model = null)
    {
        using Places taken = Take(images.Count);
        using CancellationTokenSource given = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<PredictionOrProblem>[] answers = [.. images.Select((image, i) => AnswerAsync(image, $"{id}-{i + 1}"))];
        return await Task.WhenAll(answers);

        async Task<PredictionOrProblem> AnswerAsync(ImageBody image, string imageId)
        {
            try
            {
                return new(await ClassifyAsync(image.Bytes(), imageId, asked, ServingMetrics.ByHttp, given.Token, model), null);
            }
            catch (ImageRejectedException e)
            {
                return new(null, Problem.Rejected(e));
            }
            catch (Exception)
            {
                await given.CancelAsync(); // the whole request fails, so the other images need not be classified
                throw;
            }
        }
    }

    /// <summary>Classifies one image file.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="id">Identifies the answer.</param>
    /// <param name="asked">The requested options.</param>
    /// <param name="source"><see cref="ServingMetrics.ByHttp"/> or <see cref="ServingMetrics.ByBlob"/>.</param>
    /// <param name="cancellationToken">Cancels the classification.</param>
    /// <param name="model">The model to use; the serving model if null.</param>
    /// <exception cref="ImageRejectedException">The file cannot be classified.</exception>
    /// <exception cref="PredictionOptionsException">The model does not support a requested option.</exception>
    /// <exception cref="ProblemException">No model is loaded yet.</exception>
    internal async Task<Prediction> ClassifyAsync(byte[] file, string id, PredictionOptions asked, string source, CancellationToken cancellationToken, CurrentModel? model = null)
    {
        using Activity? activity = ServingMetrics.Activities.StartActivity("classify");
        activity?.SetTag("lentigo.id", id);
        try
        {
            CandidatePart part = model is null || model == current ? candidate.PartOf(file) : CandidatePart.None;
            Prediction answer = (part is CandidatePart.Answers ? await CandidateAnswerAsync(file, id, asked, cancellationToken) : null)
                ?? await ClassifyAsync(file, id, asked, model ?? current, cancellationToken);
            if (part is CandidatePart.Shadows)
            {
                shadow.Begin(file, asked, answer);
            }

            activity?.SetTag("lentigo.model.version", answer.Model.Version);
            metrics.Answered(answer, source);
            return answer;
        }
        catch (ImageRejectedException e)
        {
            activity?.SetTag("lentigo.rejected", e.Reason.ToString());
            metrics.Rejected(e.Reason.ToString(), source);
            throw;
        }
        catch (Exception e)
        {
            activity?.SetStatus(ActivityStatusCode.Error, e.GetType().Name);
            throw;
        }
    }

    /// <summary>The candidate's answer; null if it fails for a reason other than the image.</summary>
    private async Task<Prediction?> CandidateAnswerAsync(byte[] file, string id, PredictionOptions asked, CancellationToken cancellationToken)
    {
        try
        {
            return await ClassifyAsync(file, id, asked, candidate.Model, cancellationToken);
        }
        catch (Exception e) when (e is not (ImageRejectedException or OperationCanceledException))
        {
            candidate.Failed(e);
            return null;
        }
    }

    private async Task<Prediction> ClassifyAsync(byte[] file, string id, PredictionOptions asked, CurrentModel model, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(asked);
        EnsembleModel.CheckExplain(asked.Explain);
        using IDisposable memory = await budget.ReserveAsync(file, cancellationToken);
        using ModelLease lease = model.Acquire();
        if (asked is { Explain: PredictionOptions.MostProbable, Decision.Prior: not ClassPrior.Natural })
        {
            // The graph determines the most probable class under the model's own prior; under the requested prior it may be another.
            ClassifiedImage first = await queue.ClassifyAsync(lease.Model, file, explain: null, cancellationToken);
            asked = asked with { Explain = lease.Model.AnswerOf(first.Output, first.Index, first.Image, id, asked).Label.Code };
        }

        ClassifiedImage image = await queue.ClassifyAsync(lease.Model, file, asked.Explain, cancellationToken);
        return lease.Model.AnswerOf(image.Output, image.Index, image.Image, id, asked);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        shadow.Dispose();
        queue.Dispose();
    }

    private Places Take(int count)
    {
        Places taken = new(this, count);
        if (Interlocked.Add(ref pending, count) > options.MaxPendingImages)
        {
            taken.Dispose();
            throw new ProblemException(Problem.Overloaded());
        }

        return taken;
    }

    /// <summary>Slots among the images that may be pending.</summary>
    private sealed class Places(Classification owner, int count) : IDisposable
    {
        public void Dispose() => Interlocked.Add(ref owner.pending, -count);
    }
}
