using System.Numerics;

namespace Lentigo.Training.Data;

/// <summary>
/// Finds copies of one picture that differ in size, sharpness or compression. The hash is dHash (Krawetz 2013, 'Kind of Like That'): bits say
/// whether brightness rises from one cell of a 16 x 16 grid to the next, here both along rows and along columns: 512 bits.
/// </summary>
internal static class PerceptualHash
{
    private const int Grid = 16, Words = 2 * Grid * Grid / 64;

    /// <summary>The largest Hamming distance between hashes of one picture, of 512 bits.</summary>
    public const int MostDifferentBits = 40;

    /// <summary>The hash of an image.</summary>
    /// <param name="rgb">s * s * 3 bytes.</param>
    /// <param name="size">The side s in pixels, at least 17.</param>
    /// <returns>[8]: 512 bits.</returns>
    public static ulong[] Of(ReadOnlySpan<byte> rgb, int size)
    {
        ulong[] hash = new ulong[Words];
        float[] rows = Cells(rgb, size, Grid + 1, Grid), columns = Cells(rgb, size, Grid, Grid + 1);
        for (int bit = 0; bit < Grid * Grid; bit++)
        {
            int y = bit / Grid, x = bit % Grid;
            int row = (y * (Grid + 1)) + x, column = (y * Grid) + x;
            hash[bit / 64] |= (rows[row] < rows[row + 1] ? 1UL : 0) << (bit % 64);
            hash[(Words / 2) + (bit / 64)] |= (columns[column] < columns[column + Grid] ? 1UL : 0) << (bit % 64);
        }

        return hash;
    }

    /// <summary>The Hamming distance between two hashes, 0 to 512.</summary>
    public static int Distance(ReadOnlySpan<ulong> a, ReadOnlySpan<ulong> b)
    {
        int bits = 0;
        for (int i = 0; i < Words; i++)
        {
            bits += BitOperations.PopCount(a[i] ^ b[i]);
        }

        return bits;
    }

    /// <summary>Whether two hashes are of one picture: at most <see cref="MostDifferentBits"/> bits differ. Stops counting where they do not.</summary>
    public static bool AreNear(ReadOnlySpan<ulong> a, ReadOnlySpan<ulong> b)
    {
        int bits = 0;
        for (int i = 0; i < Words && bits <= MostDifferentBits; i++)
        {
            bits += BitOperations.PopCount(a[i] ^ b[i]);
        }

        return bits <= MostDifferentBits;
    }

    /// <summary>The mean brightness of each of w x h cells, row by row.</summary>
    private static float[] Cells(ReadOnlySpan<byte> rgb, int size, int width, int height)
    {
        float[] sums = new float[width * height];
        int[] counts = new int[width * height];
        for (int y = 0; y < size; y++)
        {
            for (int x = 0; x < size; x++)
            {
                int cell = (y * height / size * width) + (x * width / size), at = ((y * size) + x) * 3;
                sums[cell] += (0.299f * rgb[at]) + (0.587f * rgb[at + 1]) + (0.114f * rgb[at + 2]);
                counts[cell]++;
            }
        }

        return [.. sums.Zip(counts, (sum, count) => sum / Math.Max(1, count))];
    }
}
