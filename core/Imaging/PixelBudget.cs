namespace Lentigo.Core.Imaging;

/// <summary>
/// Limits the total memory of images that the decoder must hold in full (see <see cref="DecoderMemory"/>). Images that would exceed the limit wait in order of
/// arrival. Images that are decoded row by row need almost no memory and never wait.
/// </summary>
/// <param name="bytes">The limit in bytes. An image that exceeds the limit by itself is decoded while no other is.</param>
public sealed class PixelBudget(long bytes)
{
    /// <summary>Images that need fewer bytes than this never wait.</summary>
    private const long Negligible = 1 << 23;

    private readonly Lock gate = new();
    private readonly LinkedList<Reservation> waiting = [];
    private long used;

    /// <summary>Waits until there is memory to decode a file.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The reservation; dispose it when the pixels have been decoded.</returns>
    public Task<IDisposable> ReserveAsync(ReadOnlySpan<byte> file, CancellationToken cancellationToken) => ReserveAsync(DecoderMemory.Of(file), cancellationToken);

    /// <summary>Waits until the given number of bytes is available.</summary>
    /// <param name="needed">The number of bytes.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>The reservation; dispose it to release the bytes.</returns>
    public Task<IDisposable> ReserveAsync(long needed, CancellationToken cancellationToken)
    {
        Reservation reservation = new(this, needed < Negligible ? 0 : needed);
        lock (gate)
        {
            if (reservation.Bytes == 0 || (waiting.Count == 0 && Fits(reservation)))
            {
                used += reservation.Bytes;
                return Task.FromResult<IDisposable>(reservation);
            }

            waiting.AddLast(reservation);
        }

        return WaitAsync(reservation, cancellationToken);
    }

    private async Task<IDisposable> WaitAsync(Reservation reservation, CancellationToken cancellationToken)
    {
        await using CancellationTokenRegistration gone = cancellationToken.UnsafeRegister(_ => Leave(reservation, cancellationToken), null);
        await reservation.Admitted.Task;
        return reservation;
    }

    private bool Fits(Reservation reservation) => used == 0 || used + reservation.Bytes <= bytes;

    private void Leave(Reservation reservation, CancellationToken cancellationToken)
    {
        lock (gate)
        {
            if (waiting.Remove(reservation))
            {
                reservation.Admitted.SetCanceled(cancellationToken);
                AdmitNext();
            }
        }
    }

    private void Release(Reservation reservation)
    {
        lock (gate)
        {
            used -= reservation.Bytes;
            AdmitNext();
        }
    }

    private void AdmitNext()
    {
        while (waiting.First is { Value: var next } && Fits(next))
        {
            waiting.RemoveFirst();
            used += next.Bytes;
            next.Admitted.SetResult();
        }
    }

    private sealed class Reservation(PixelBudget owner, long bytes) : IDisposable
    {
        private int disposed;

        public long Bytes => bytes;

        public TaskCompletionSource Admitted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Dispose()
        {
            if (Interlocked.Exchange(ref disposed, 1) == 0)
            {
                owner.Release(this);
            }
        }
    }
}
