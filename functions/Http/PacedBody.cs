using System.Buffers;
using System.IO.Pipelines;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Http;

/// <summary>
/// A request body that enforces a minimum data rate after a grace period, and a deadline: <see cref="ServingOptions.MinBodyBytesPerSecond"/>,
/// <see cref="ServingOptions.BodyGrace"/> and <see cref="ServingOptions.BodyDeadline"/>. Kestrel also offers a minimum rate, but no deadline.
/// </summary>
internal sealed class PacedBody : Stream
{
    private readonly PipeReader body;
    private readonly ServingOptions options;
    private readonly TimeProvider time;
    private readonly long start;
    private readonly CancellationTokenSource late;
    private long received;

    public PacedBody(PipeReader body, ServingOptions options, TimeProvider time)
    {
        (this.body, this.options, this.time) = (body, options, time);
        start = time.GetTimestamp();
        late = new(Latest(), time);
        // Not through a cancellation token: after the response, Kestrel reads the rest of the body, which fails with a logged error if a token canceled an
        // earlier read.
        late.Token.UnsafeRegister(reader => ((PipeReader)reader!).CancelPendingRead(), body);
    }

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
        ReadResult result = await body.ReadAsync(cancellationToken);
        int read = (int)Math.Min(result.Buffer.Length, buffer.Length);
        ReadOnlySequence<byte> taken = result.Buffer.Slice(0, read);
        taken.CopyTo(buffer.Span);
        body.AdvanceTo(taken.End);
        received += read;
        if (result.IsCanceled || (!result.IsCompleted && time.GetElapsedTime(start) > Latest()))
        {
            throw new ProblemException(Problem.TooSlow());
        }

        if (read > 0)
        {
            late.CancelAfter(TimeSpan.FromTicks(Math.Max(1, (Latest() - time.GetElapsedTime(start)).Ticks)));
        }

        return read;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("A request body can only be read asynchronously.");

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
            late.Dispose(); // the server owns the body
        }

        base.Dispose(disposing);
    }

    /// <summary>The time after the start by which the next byte must arrive.</summary>
    private TimeSpan Latest()
    {
        TimeSpan paced = options.BodyGrace + TimeSpan.FromSeconds((double)received / options.MinBodyBytesPerSecond);
        return paced < options.BodyDeadline ? paced : options.BodyDeadline;
    }
}
