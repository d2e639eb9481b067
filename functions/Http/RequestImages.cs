using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Http;

/// <summary>The images of one request, in their order, and their share of the memory for all requests, which disposing gives back.</summary>
public sealed class RequestImages : IDisposable
{
    private readonly BodyBudget budget;
    private readonly List<ImageBody> images = [];
    private long charged;

    internal RequestImages(BodyBudget budget) => this.budget = budget;

    /// <summary>The number of images.</summary>
    public int Count => images.Count;

    /// <summary>The images.</summary>
    internal IReadOnlyList<ImageBody> All => images;

    /// <summary>The first image's bytes.</summary>
    /// <exception cref="ImageRejectedException">It is empty or too large.</exception>
    public byte[] First => images[0].Bytes();

    /// <inheritdoc/>
    public void Dispose() => budget.Release(Interlocked.Exchange(ref charged, 0));

    internal void Add(ImageBody image) => images.Add(image);

    /// <summary>Takes memory for bytes that arrived.</summary>
    /// <exception cref="ProblemException">All requests together hold as much as they may.</exception>
    internal void Charge(int bytes)
    {
        if (!budget.TryTake(bytes))
        {
            throw new ProblemException(Problem.Overloaded());
        }

        charged += bytes;
    }
}

/// <summary>The memory that the bodies of requests may take together.</summary>
/// <param name="limit">In bytes.</param>
internal sealed class BodyBudget(long limit)
{
    private long taken;

    /// <summary>How much is taken now, in bytes.</summary>
    public long Taken => Interlocked.Read(ref taken);

    /// <summary>Takes some; false where that would be too much.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref taken, bytes) <= limit)
        {
            return true;
        }

        Release(bytes);
        return false;
    }

    /// <summary>Gives it back.</summary>
    public void Release(long bytes) => Interlocked.Add(ref taken, -bytes);
}
