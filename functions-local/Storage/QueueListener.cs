using Azure;
using Azure.Storage.Queues;
using Azure.Storage.Queues.Models;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Storage;

/// <summary>
/// Takes messages from a queue and hands them on: several at once, each hidden from others while it is worked on, tried again when it fails, and
/// moved to the poison queue when it has failed often enough.
/// </summary>
internal sealed class QueueListener(QueueClient queue, QueueClient poison, QueueListenerOptions options, Func<string, CancellationToken, Task> handle, ILogger log)
{
    private static readonly TimeSpan HiddenFor = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(100);
    private TaskCompletionSource arrived = NewSignal();

    /// <summary>The queue's name.</summary>
    public string QueueName => queue.Name;

    /// <summary>Says that a message was just queued, so that nobody waits for the next poll.</summary>
    public void Wake() => Interlocked.Exchange(ref arrived, NewSignal()).TrySetResult();

    /// <summary>Works until cancelled, then lets the messages in hand end or go back to the queue.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using SemaphoreSlim free = new(options.Parallelism);
        HashSet<Task> running = [];
        TimeSpan pause = ShortestPause;
        bool created = false;
        StorageOutage outage = new(log, $"the queue {queue.Name}");
        while (!stop.IsCancellationRequested)
        {
            try
            {
                if (!created)
                {
                    await queue.CreateIfNotExistsAsync(cancellationToken: stop);
                    created = true;
                }

                await free.WaitAsync(stop);
                int taken = 1;
                while (taken < 32 && free.Wait(0, CancellationToken.None))
                {
                    taken++;
                }

                Task signal = Volatile.Read(ref arrived).Task; // taken before looking, so that what comes after the look is not slept over
                QueueMessage[] messages = [];
                try
                {
                    messages = await queue.ReceiveMessagesAsync(taken, HiddenFor, stop);
                    outage.Over();
                }
                finally
                {
                    if (taken > messages.Length)
                    {
                        free.Release(taken - messages.Length);
                    }
                }

                foreach (QueueMessage message in messages)
                {
                    Task work = ProcessAsync(message, stop).ContinueWith(_ => free.Release(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
                    running.Add(work);
                }

                running.RemoveWhere(t => t.IsCompleted);
                pause = messages.Length > 0 ? ShortestPause : TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, options.LongestPause.Ticks));
                if (messages.Length == 0 && await Task.WhenAny(signal, Task.Delay(pause, stop)) == signal)
                {
                    pause = ShortestPause;
                }
            }
            catch (OperationCanceledException) when (stop.IsCancellationRequested)
            {
                break;
            }
            catch (Exception e) when (e is RequestFailedException or AggregateException or OperationCanceledException)
            {
                created = false; // it may have been deleted
                await outage.WaitAsync(e, stop);
            }
        }

        await Task.WhenAll(running);
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private async Task ProcessAsync(QueueMessage message, CancellationToken stop)
    {
        using CancellationTokenSource done = CancellationTokenSource.CreateLinkedTokenSource(stop);
        Hold hold = new(message.MessageId, message.PopReceipt);
        try
        {
            if (message.DequeueCount > options.Tries)
            {
                // the app died over it each time
                await MoveToPoisonAsync(message, hold);
                return;
            }

            Task renewal = RenewAsync(hold, done.Token);
            Exception? failure = null;
            try
            {
                await handle(message.Body.ToString(), stop);
            }
            catch (Exception e)
            {
                failure = e;
            }

            await done.CancelAsync();
            await renewal;
            if (failure is null)
            {
                await DeleteAsync(hold);
            }
            else if (stop.IsCancellationRequested)
            {
                // Stopping is no fault of the message: a fresh copy has all its tries.
                await queue.SendMessageAsync(message.Body, cancellationToken: CancellationToken.None);
                await DeleteAsync(hold);
            }
            else if (message.DequeueCount >= options.Tries)
            {
                log.LogError(failure, "A message of the queue {Queue} failed {Tries} times and goes to the queue {Poison}.", queue.Name, message.DequeueCount, poison.Name);
                await MoveToPoisonAsync(message, hold);
            }
            else
            {
                log.LogWarning(failure, "A message of the queue {Queue} failed, try {Try} of {Tries}.", queue.Name, message.DequeueCount, options.Tries);
                await queue.UpdateMessageAsync(hold.MessageId, hold.PopReceipt, visibilityTimeout: options.RetryDelay, cancellationToken: CancellationToken.None);
                if (options.RetryDelay == TimeSpan.Zero)
                {
                    Wake();
                }
            }
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException)
        {
            // Nothing is lost: the message shows itself again when its time is over.
            log.LogWarning("A message of the queue {Queue} could not be settled and will come again: {Reason}", queue.Name, e.Message);
        }
    }

    private async Task MoveToPoisonAsync(QueueMessage message, Hold hold)
    {
        await poison.CreateIfNotExistsAsync();
        await poison.SendMessageAsync(message.Body);
        await DeleteAsync(hold);
        options.OnPoison?.Invoke(poison.Name);
    }

    private async Task DeleteAsync(Hold hold)
    {
        try
        {
            await queue.DeleteMessageAsync(hold.MessageId, hold.PopReceipt);
        }
        catch (RequestFailedException e) when (e.Status == 404)
        {
            // another consumer has taken it over; what was done is done, and is done again
        }
    }

    private async Task RenewAsync(Hold hold, CancellationToken done)
    {
        try
        {
            while (true)
            {
                await Task.Delay(HiddenFor / 3, done);
                UpdateReceipt receipt = await queue.UpdateMessageAsync(hold.MessageId, hold.PopReceipt, visibilityTimeout: HiddenFor, cancellationToken: CancellationToken.None);
                hold.PopReceipt = receipt.PopReceipt;
            }
        }
        catch (OperationCanceledException)
        {
            // done
        }
        catch (Exception e) when (e is RequestFailedException or AggregateException)
        {
            log.LogWarning("A message of the queue {Queue} may be handled twice, its hold could not be renewed: {Reason}", queue.Name, e.Message);
        }
    }

    private sealed class Hold(string messageId, string popReceipt)
    {
        public string MessageId { get; } = messageId;

        public string PopReceipt { get; set; } = popReceipt;
    }
}

/// <summary>How a queue is listened to.</summary>
/// <param name="Parallelism">The messages handled at once.</param>
/// <param name="Tries">The failures after which a message is poison.</param>
/// <param name="RetryDelay">The pause before a failed message is tried again.</param>
/// <param name="LongestPause">The longest time between two looks into an empty queue.</param>
/// <param name="OnPoison">Is told the poison queue's name when a message went there.</param>
internal sealed record QueueListenerOptions(int Parallelism, int Tries, TimeSpan RetryDelay, TimeSpan LongestPause, Action<string>? OnPoison);
