using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Decodes and classifies image files on one thread per processor. Images that are ready at the same time go through the graph in one batch. A thread never
/// waits for a batch to fill: while files are waiting it decodes them, until <see cref="ServingOptions.MaxBatchSize"/> images are ready or the oldest has
/// been ready for <see cref="ServingOptions.MaxBatchDelay"/>; otherwise it classifies what is ready. A single caller is therefore never delayed, and batches
/// grow with the load.
/// </summary>
/// <remarks>The queue uses dedicated threads so that the thread pool stays available to requests that need little CPU time, such as health checks.</remarks>
internal sealed class ClassificationQueue : IDisposable
{
    private readonly ServingOptions options;
    private readonly ServingMetrics metrics;
    private readonly TimeProvider time;
    private readonly object gate = new(); // threads wait on it with Monitor.Wait, which Lock does not support
    private readonly Queue<Work> files = [];
    private readonly LinkedList<Work> ready = [];
    private readonly Thread[] threads;
    private TaskCompletionSource noneWaits = NewSignal();
    private bool stopping;
    private long batches;

    public ClassificationQueue(ServingOptions options, ServingMetrics metrics, TimeProvider time, int? threads = null)
    {
        this.metrics = metrics;
        this.options = options;
        this.time = time;
        this.threads = [.. Enumerable.Range(0, threads ?? Environment.ProcessorCount).Select(i => new Thread(Run) { IsBackground = true, Name = $"classification {i}" })];
        Array.ForEach(this.threads, t => t.Start());
        metrics.ObserveQueue(() => Count(files), () => Count(ready));
    }

    /// <summary>The number of batches run so far.</summary>
    public long Batches => Interlocked.Read(ref batches);

    /// <summary>Decodes and classifies a file.</summary>
    /// <param name="model">The model, which must stay alive until the task has completed.</param>
    /// <param name="file">The file's bytes.</param>
    /// <param name="explain">The <see cref="Core.Predictions.PredictionOptions.Explain"/> option of the request.</param>
    /// <param name="cancellationToken">
    /// Removes the file from the queue, or stops the work in progress: decoding between rows, or the graph if the batch contains no other image.
    /// </param>
    /// <exception cref="ImageRejectedException">The file cannot be decoded.</exception>
    public Task<ClassifiedImage> ClassifyAsync(EnsembleModel model, byte[] file, string? explain, CancellationToken cancellationToken)
    {
        Work work = new(model, file, model.CanExplain ? explain : null, cancellationToken);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(stopping, this);
            files.Enqueue(work);
            Monitor.Pulse(gate);
        }

        return work.WhenDoneAsync();
    }

    /// <summary>Waits until no image is waiting for a processor, for background work that must not delay callers.</summary>
    /// <exception cref="OperationCanceledException">The wait was canceled, or the queue is stopping.</exception>
    /// <exception cref="ObjectDisposedException">The queue has stopped.</exception>
    public async Task WhenNoneWaitsAsync(CancellationToken cancellationToken)
    {
        Task signal;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(stopping, this);
            if (files.Count == 0 && ready.Count == 0)
            {
                return;
            }

            noneWaits = noneWaits.Task.IsCompleted ? NewSignal() : noneWaits;
            signal = noneWaits.Task;
        }

        await signal.WaitAsync(cancellationToken);
    }

    /// <summary>Finishes the steps in progress and cancels the rest.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            stopping = true;
            noneWaits.TrySetCanceled();
            Monitor.PulseAll(gate);
        }

        Array.ForEach(threads, t => t.Join());
        foreach (Work left in files.Concat(ready))
        {
            left.Cancel();
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int Count(IReadOnlyCollection<Work> works)
    {
        lock (gate)
        {
            return works.Count;
        }
    }

    private void Run()
    {
        while (Next() is { } work)
        {
            if (work is [{ Image: null } file])
            {
                Decode(file);
            }
            else
            {
                Classify(work);
            }
        }
    }

    /// <summary>The next step: one file to decode, or the images of a batch; null when the queue is stopping.</summary>
    private Work[]? Next()
    {
        lock (gate)
        {
            while (true)
            {
                if (stopping)
                {
                    return null;
                }

                while (files.TryPeek(out Work? next) && !next.IsWanted)
                {
                    files.Dequeue();
                }

                if (ready.First is { } oldest && (files.Count == 0 || ready.Count >= options.MaxBatchSize || time.GetElapsedTime(oldest.Value.ReadySince) >= options.MaxBatchDelay))
                {
                    return TakeBatch(oldest.Value);
                }

                if (files.TryDequeue(out Work? file))
                {
                    return [file];
                }

                noneWaits.TrySetResult();
                Monitor.Wait(gate);
            }
        }
    }

    /// <summary>Removes the oldest image and those that can go through the graph with it.</summary>
    private Work[] TakeBatch(Work oldest)
    {
        List<Work> batch = new(Math.Min(ready.Count, options.MaxBatchSize));
        LinkedListNode<Work>? next;
        for (LinkedListNode<Work>? node = ready.First; node is not null && batch.Count < options.MaxBatchSize; node = next)
        {
            next = node.Next;
            if (node.Value.Model == oldest.Model && node.Value.Explain == oldest.Explain)
            {
                ready.Remove(node);
                batch.Add(node.Value);
            }
        }

        if (ready.Count > 0)
        {
            Monitor.Pulse(gate); // another thread takes the rest
        }

        return [.. batch];
    }

    private void Decode(Work work)
    {
        try
        {
            if (!work.Begin())
            {
                return;
            }

            long start = time.GetTimestamp();
            work.Image = work.Model.Decode(work.File, options.Limits, work.CancellationToken);
            metrics.Decoded(time.GetElapsedTime(start));
        }
        catch (Exception e)
        {
            work.Fail(e);
            return;
        }

        lock (gate)
        {
            work.ReadySince = time.GetTimestamp();
            ready.AddLast(work);
            Monitor.Pulse(gate);
        }
    }

    private void Classify(Work[] batch)
    {
        foreach (Work gone in batch.Where(w => w.CancellationToken.IsCancellationRequested))
        {
            gone.Cancel();
        }

        Work[] wanted = [.. batch.Where(w => !w.CancellationToken.IsCancellationRequested)];
        if (wanted.Length == 0)
        {
            return;
        }

        try
        {
            Work first = wanted[0];
            long start = time.GetTimestamp();
            // One caller's cancellation must not stop the other images of the batch.
            EnsembleOutput output = first.Model.Classify([.. wanted.Select(w => w.Image!)], first.Explain, wanted.Length == 1 ? first.CancellationToken : CancellationToken.None);
            metrics.Classified(wanted.Length, time.GetElapsedTime(start));
            foreach ((int index, Work work) in wanted.Index())
            {
                work.Complete(new(output, index, work.Image!));
            }
        }
        catch (Exception e)
        {
            foreach (Work work in wanted)
            {
                work.Fail(e);
            }
        }

        Interlocked.Increment(ref batches);
    }

    /// <summary>A file being processed.</summary>
    private sealed class Work(EnsembleModel model, byte[] file, string? explain, CancellationToken cancellationToken)
    {
        private const int Waiting = 0, Begun = 1, Cancelled = 2;
        private readonly TaskCompletionSource<ClassifiedImage> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private byte[]? file = file;
        private int state;

        public EnsembleModel Model => model;

        public string? Explain => explain;

        public CancellationToken CancellationToken => cancellationToken;

        public byte[] File => file!;

        public DecodedImage? Image { get; set; }

        public long ReadySince { get; set; }

        /// <summary>Whether a caller is still waiting for the result.</summary>
        public bool IsWanted => Volatile.Read(ref state) != Cancelled;

        public async Task<ClassifiedImage> WhenDoneAsync()
        {
            await using (cancellationToken.UnsafeRegister(work => ((Work)work!).Leave(), this))
            {
                return await done.Task;
            }
        }

        /// <summary>Starts the work; returns false if it was canceled. Once started, it cannot be canceled while a step runs.</summary>
        public bool Begin() => Interlocked.CompareExchange(ref state, Begun, Waiting) == Waiting;

        public void Complete(ClassifiedImage image) => done.TrySetResult(image);

        public void Fail(Exception e)
        {
            if (e is OperationCanceledException)
            {
                Cancel();
            }
            else
            {
                done.TrySetException(e);
            }
        }

        public void Cancel() => done.TrySetCanceled(cancellationToken.IsCancellationRequested ? cancellationToken : new(canceled: true));

        private void Leave()
        {
            if (Interlocked.CompareExchange(ref state, Cancelled, Waiting) == Waiting)
            {
                file = null; // releases the memory; the queue discards the entry later
                Cancel();
            }
        }
    }
}

/// <summary>A classified image with its position in its batch.</summary>
/// <param name="Output">The graph's output for the batch.</param>
/// <param name="Index">The image's index in the batch.</param>
/// <param name="Image">The decoded image.</param>
internal sealed record ClassifiedImage(EnsembleOutput Output, int Index, DecodedImage Image);
