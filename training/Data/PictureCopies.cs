using System.Collections.Concurrent;

namespace Lentigo.Training.Data;

/// <summary>
/// Copies of one picture within a data set: the same file under two names, or one that was cut, compressed or enlarged anew. Their perceptual hashes are near
/// each other
/// (<see cref="PerceptualHash"/>), and so are their pixels: a round spot on even skin has much the same hash as another, but not the same pixels.
/// </summary>
internal static class PictureCopies
{
    /// <summary>The side in pixels at which images are compared.</summary>
    public const int Size = 64;

    // Measured on pairs within 40 bits at 64 px: 0.985 to 1 for photographs of one lesion of HAM10000, 0.83 to 0.94 for those of others.
    private const double LeastCorrelation = 0.97;

    private const int LeastSize = 17; // smaller images leave cells of the hash empty

    /// <summary>The groups of copies, as ascending indices of images; a picture without contrast is no copy of another.</summary>
    public static IReadOnlyList<int[]> Of(LesionDataSet data)
    {
        if (data.Size < LeastSize)
        {
            return [];
        }

        ulong[][] hashes = new ulong[data.Count][];
        Parallel.For(0, data.Count, i => hashes[i] = PerceptualHash.Of(data.PixelsOf(i), data.Size));
        ConcurrentBag<(int, int)> pairs = [];
        Parallel.For(0, data.Count, i =>
        {
            for (int j = i + 1; j < hashes.Length; j++)
            {
                if (PerceptualHash.AreNear(hashes[i], hashes[j]) && Correlation(data.PixelsOf(i), data.PixelsOf(j)) >= LeastCorrelation)
                {
                    pairs.Add((i, j));
                }
            }
        });
        DisjointSets groups = new(data.Count);
        foreach ((int i, int j) in pairs)
        {
            groups.Join(i, j);
        }

        return [.. pairs.SelectMany(p => new[] { p.Item1, p.Item2 }).Distinct().Order().GroupBy(groups.Root).Select(g => g.ToArray())];
    }

    /// <summary>Pearson's correlation, -1 to 1; NaN where one is constant.</summary>
    private static double Correlation(byte[] a, byte[] b)
    {
        long sumA = 0, sumB = 0, squaresA = 0, squaresB = 0, products = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sumA += a[i];
            sumB += b[i];
            squaresA += a[i] * a[i];
            squaresB += b[i] * b[i];
            products += a[i] * b[i];
        }

        double n = a.Length;
        return (products - (sumA / n * sumB)) / Math.Sqrt((squaresA - (sumA / n * sumA)) * (squaresB - (sumB / n * sumB)));
    }
}
