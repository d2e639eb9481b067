using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;

namespace Lentigo.Functions.Serving;

/// <summary>
/// Decodes and classifies image files on a thread for each processor. Images that are ready together go through the graph in one batch. A thread never waits for a batch to
/// fill: while files wait it decodes, until <see cref="ServingOptions.MaxBatchSize"/> images are ready or the first of them has been for
/// <see cref="ServingOptions.MaxBatchDelay"/>; else it classifies what is ready. So a single caller waits for nobody, and batches grow with the load.
/// </summary>
/// <remarks>The threads are the queue's own: the thread pool stays free for requests that need no processor, such as health.</remarks>
internal sealed class ClassificationQueue : IDisposable
{
    private readonly ServingOptions options;
    private readonly ServingMetrics metrics;
    private readonly TimeProvider time;
    private readonly object gate = new(); // threads wait on it, which a Lock does not offer
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

    /// <summary>Batches that were run so far.</summary>
    public long Batches => Interlocked.Read(ref batches);

    /// <summary>Decodes and classifies a file.</summary>
    /// <param name="model">The model, which must live until the task has ended.</param>
    /// <param name="file">The file's bytes.</param>
    /// <param name="explain">The <see cref="Core.Predictions.PredictionOptions.Explain"/> of its answer.</param>
    /// <param name="cancellationToken">Takes the file out of the queue, or stops what has begun: decoding between rows, the graph if no other image is in its batch.</param>
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

    /// <summary>Waits until no image waits for a processor: for work that must delay nobody's.</summary>
    /// <exception cref="OperationCanceledException">It is given up, or the queue stops.</exception>
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

    /// <summary>Finishes the steps that have begun and cancels the rest.</summary>
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

    /// <summary>The next step: one file to decode, or the images of a batch; null at the end.</summary>
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

    /// <summary>The oldest image and those that can go through the graph with it.</summary>
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
            Monitor.Pulse(gate); // the others are another thread's
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
            // Nobody ends the run of others.
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

    /// <summary>A file on its way.</summary>
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

        /// <summary>Whether anybody still waits for it.</summary>
        public bool IsWanted => Volatile.Read(ref state) != Cancelled;

        public async Task<ClassifiedImage> WhenDoneAsync()
        {
            await using (cancellationToken.UnsafeRegister(work => ((Work)work!).Leave(), this))
            {
                return await done.Task;
            }
        }

        /// <summary>Whether the work is to be done: it was not cancelled and cannot be any more while a step runs.</summary>
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
                file = null; // the queue drops the rest when its turn comes
                Cancel();
            }
        }
    }
}

/// <summary>An image with its place in what the graph gave for its batch.</summary>
/// <param name="Output">What the graph gave.</param>
/// <param name="Index">The image's place.</param>
/// <param name="Image">The image.</param>
internal sealed record ClassifiedImage(EnsembleOutput Output, int Index, DecodedImage Image);
