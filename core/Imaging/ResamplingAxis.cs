namespace Lentigo.Core.Imaging;

/// <summary>
/// The coefficients of one axis of an antialiased bilinear resize: a triangle as wide as the reduction, at least one pixel to either side, pixel centres at one half,
/// in fixed point. They are those of Pillow's <c>Image.resize</c> with <c>BILINEAR</c> (src/libImaging/Resample.c, 8 bits a channel).
/// </summary>
internal sealed class ResamplingAxis
{
    /// <summary>Fraction bits of a coefficient: 32 bits less 8 of a sample and 2 of head room.</summary>
    public const int FractionBits = 22;

    private readonly int[] first;
    private readonly int[][] coefficients;

    /// <summary>Computes the coefficients.</summary>
    /// <param name="length">The length of the axis in pixels before any reduction.</param>
    /// <param name="size">Its length after the resize.</param>
    /// <param name="shrink">
    /// Each sample that the resize is given is the mean of this many pixels, and gets the sum of their coefficients. Pixels that are left over at the end count as the last sample.
    /// </param>
    public ResamplingAxis(int length, int size, int shrink = 1)
    {
        Samples = length / shrink;
        Size = size;
        first = new int[size];
        coefficients = new int[size][];
        double scale = (double)length / size, support = Math.Max(1, scale);
        for (int o = 0; o < size; o++)
        {
            double center = (o + 0.5) * scale;
            int from = Math.Max(0, (int)(center - support + 0.5)), to = Math.Min(length, (int)(center + support + 0.5));
            double[] weights = new double[to - from];
            double sum = 0;
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = Math.Max(0, 1 - Math.Abs((i + from - center + 0.5) / support));
                sum += weights[i];
            }

            first[o] = SampleOf(from);
            int[] own = coefficients[o] = new int[SampleOf(to - 1) - first[o] + 1];
            for (int i = 0; i < weights.Length; i++)
            {
                own[SampleOf(i + from) - first[o]] += (int)(0.5 + (weights[i] / sum * (1 << FractionBits)));
            }
        }

        int SampleOf(int pixel) => Math.Min(pixel / shrink, Samples - 1);
    }

    /// <summary>The number of samples that the resize is given.</summary>
    public int Samples { get; }

    /// <summary>The number of pixels that it gives.</summary>
    public int Size { get; }

    /// <summary>The first sample that counts for an output pixel.</summary>
    public int First(int output) => first[output];

    /// <summary>The coefficients of the samples from <see cref="First"/> on.</summary>
    public ReadOnlySpan<int> Coefficients(int output) => coefficients[output];
}
