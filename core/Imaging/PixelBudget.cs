namespace Lentigo.Core.Imaging;

/// <summary>
/// Bounds the memory of images that their format forces the decoder to hold whole, see <see cref="DecoderMemory"/>: those that would exceed it wait, in the order in which
/// they came. Images that are decoded by rows cost next to nothing and wait for nobody.
/// </summary>
/// <param name="bytes">The most bytes at once. An image that alone needs more is decoded when it is the only one.</param>
public sealed class PixelBudget(long bytes)
{
    /// <summary>Images below this are not worth a wait.</summary>
    private const long Negligible = 1 << 23;

    private readonly Lock gate = new();
    private readonly LinkedList<Reservation> waiting = [];
    private long used;

    /// <summary>Waits until a file can be decoded.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>To be disposed when the pixels have been decoded.</returns>
    public Task<IDisposable> ReserveAsync(ReadOnlySpan<byte> file, CancellationToken cancellationToken) => ReserveAsync(DecoderMemory.Of(file), cancellationToken);

    /// <summary>Waits until that many bytes can be taken.</summary>
    /// <param name="needed">The number of bytes.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>To be disposed when they are free again.</returns>
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
