using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Http;

/// <summary>The images of one request, in their order. Disposing returns their share of the memory budget for all requests.</summary>
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
    /// <exception cref="ImageRejectedException">The first image is empty or too large.</exception>
    public byte[] First => images[0].Bytes();

    /// <inheritdoc/>
    public void Dispose() => budget.Release(Interlocked.Exchange(ref charged, 0));

    internal void Add(ImageBody image) => images.Add(image);

    /// <summary>Charges the memory budget for received bytes.</summary>
    /// <exception cref="ProblemException">The budget for all requests is exhausted.</exception>
    internal void Charge(int bytes)
    {
        if (!budget.TryTake(bytes))
        {
            throw new ProblemException(Problem.Overloaded());
        }

        charged += bytes;
    }
}

/// <summary>The memory budget for the bodies of all requests together.</summary>
/// <param name="limit">The limit in bytes.</param>
internal sealed class BodyBudget(long limit)
{
    private long taken;

    /// <summary>The memory in use, in bytes.</summary>
    public long Taken => Interlocked.Read(ref taken);

    /// <summary>Reserves memory; returns false if that would exceed the limit.</summary>
    public bool TryTake(long bytes)
    {
        if (Interlocked.Add(ref taken, bytes) <= limit)
        {
            return true;
        }

        Release(bytes);
        return false;
    }

    /// <summary>Returns reserved memory.</summary>
    public void Release(long bytes) => Interlocked.Add(ref taken, -bytes);
}
