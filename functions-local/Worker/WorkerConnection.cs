using System.Collections.Concurrent;
using System.Threading.Channels;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Local.Worker;

/// <summary>The FunctionRpc stream to one worker process. Requests carry a request id, which the worker repeats in its response.</summary>
internal sealed class WorkerConnection(ILoggerFactory logs)
{
    private readonly Channel<StreamingMessage> outgoing = Channel.CreateUnbounded<StreamingMessage>(new() { SingleReader = true });
    private readonly ConcurrentDictionary<string, TaskCompletionSource<StreamingMessage>> unanswered = new();
    private readonly TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes when the stream has ended.</summary>
    public Task Closed => closed.Task;

    /// <summary>Where the worker serves HTTP; set when the worker is initialized.</summary>
    public string? HttpEndpoint { get; set; }

    /// <summary>Sends a message that has no answer. Does nothing once the stream has ended.</summary>
    public void Send(StreamingMessage message) => outgoing.Writer.TryWrite(message);

    /// <summary>Sends a message and waits for its answer.</summary>
    /// <exception cref="WorkerLostException">The worker ended before it answered.</exception>
    public async Task<StreamingMessage> AskAsync(StreamingMessage message, CancellationToken cancellationToken)
    {
        TaskCompletionSource<StreamingMessage> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (message.RequestId.Length == 0)
        {
            message.RequestId = Guid.NewGuid().ToString();
        }

        unanswered[message.RequestId] = answer;
        try
        {
            if (!outgoing.Writer.TryWrite(message))
            {
                throw new WorkerLostException();
            }

            return await answer.Task.WaitAsync(cancellationToken);
        }
        finally
        {
            unanswered.TryRemove(message.RequestId, out _);
        }
    }

    /// <summary>Exchanges messages until the worker ends or the call is canceled.</summary>
    public async Task RunAsync(IAsyncStreamReader<StreamingMessage> reader, IServerStreamWriter<StreamingMessage> writer, CancellationToken cancellationToken)
    {
        Task writing = WriteAsync(writer, cancellationToken);
        try
        {
            while (await reader.MoveNext(cancellationToken))
            {
                Receive(reader.Current);
            }
        }
        catch (Exception e) when (e is IOException or Grpc.Core.RpcException or OperationCanceledException or InvalidOperationException)
        {
            // the worker is gone
        }
        finally
        {
            Close();
            await writing;
        }
    }

    /// <summary>Closes the stream; pending requests fail with a <see cref="WorkerLostException"/>.</summary>
    public void Close()
    {
        outgoing.Writer.TryComplete();
        closed.TrySetResult();
        foreach (TaskCompletionSource<StreamingMessage> answer in unanswered.Values)
        {
            answer.TrySetException(new WorkerLostException());
        }
    }

    private async Task WriteAsync(IServerStreamWriter<StreamingMessage> writer, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (StreamingMessage message in outgoing.Reader.ReadAllAsync(cancellationToken))
            {
                await writer.WriteAsync(message, cancellationToken);
            }
        }
        catch (Exception e) when (e is IOException or Grpc.Core.RpcException or OperationCanceledException or InvalidOperationException)
        {
            Close();
        }
    }

    private void Receive(StreamingMessage message)
    {
        if (message.ContentCase == StreamingMessage.ContentOneofCase.RpcLog)
        {
            RpcLog entry = message.RpcLog;
            string text = entry.Exception is { } exception ? $"{entry.Message}{Environment.NewLine}{exception.Message}{Environment.NewLine}{exception.StackTrace}" : entry.Message;
            logs.CreateLogger(entry.Category.Length > 0 ? entry.Category : "Worker").Log((LogLevel)(int)entry.Level, "{Message}", text);
        }
        else if (unanswered.TryGetValue(message.RequestId, out TaskCompletionSource<StreamingMessage>? answer))
        {
            answer.TrySetResult(message);
        }
    }
}

/// <summary>The worker ended before it answered, or is not running.</summary>
internal sealed class WorkerLostException() : IOException("The worker process ended before it answered.");
