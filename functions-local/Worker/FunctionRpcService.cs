using Grpc.Core;

namespace Lentigo.Functions.Local.Worker;

/// <summary>The gRPC service that workers connect to.</summary>
internal sealed class FunctionRpcService : FunctionRpc.FunctionRpcBase
{
    /// <summary>Returns the connection for a worker id, or null if no worker with this id was started.</summary>
    public Func<string, WorkerConnection?> Accept { get; set; } = _ => null;

    /// <inheritdoc/>
    public override async Task EventStream(IAsyncStreamReader<StreamingMessage> requestStream, IServerStreamWriter<StreamingMessage> responseStream, ServerCallContext context)
    {
        if (await requestStream.MoveNext(context.CancellationToken) && Accept(requestStream.Current.StartStream?.WorkerId ?? "") is { } connection)
        {
            await connection.RunAsync(requestStream, responseStream, context.CancellationToken);
        }
    }
}
