using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Http;

/// <summary>
/// A request's body whose sender must keep up a least rate, after a grace period, and end by a deadline: <see cref="ServingOptions.MinBodyBytesPerSecond"/>,
/// <see cref="ServingOptions.BodyGrace"/> and <see cref="ServingOptions.BodyDeadline"/>. Kestrel has a least rate too, but no deadline, and behind a proxy such as the Functions
/// host its answer does not reach the sender.
/// </summary>
internal sealed class PacedBody(Stream body, ServingOptions options, TimeProvider time) : Stream
{
    private readonly long start = time.GetTimestamp();
    private readonly CancellationTokenSource late = new(Timeout.InfiniteTimeSpan, time);
    private long received;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="ProblemException">The sender is too slow.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        TimeSpan left = Latest() - time.GetElapsedTime(start);
        if (left <= TimeSpan.Zero)
        {
            throw new ProblemException(Problem.TooSlow());
        }

        late.CancelAfter(left);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, late.Token);
        try
        {
            int read = await body.ReadAsync(buffer, either.Token);
            received += read;
            return read;
        }
        catch (OperationCanceledException) when (late.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new ProblemException(Problem.TooSlow());
        }
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A request's body is read asynchronously.");

    /// <inheritdoc/>
    public override void Flush() => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            late.Dispose(); // the body is the server's
        }

        base.Dispose(disposing);
    }

    /// <summary>How long after the start the next byte may arrive at the latest.</summary>
    private TimeSpan Latest()
    {
        TimeSpan paced = options.BodyGrace + TimeSpan.FromSeconds((double)received / options.MinBodyBytesPerSecond);
        return paced < options.BodyDeadline ? paced : options.BodyDeadline;
    }
}
