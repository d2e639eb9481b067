namespace Lentigo.Core.Imaging;

/// <summary>
/// Fixed-point filter coefficients for one axis of an antialiased bilinear resize: a triangle filter scaled by the reduction factor, with a support of at least
/// one pixel on each side and pixel centers at half-integer coordinates. Identical to Pillow's <c>Image.resize</c> with <c>BILINEAR</c>
/// (src/libImaging/Resample.c, 8 bits per channel).
/// </summary>
internal sealed class ResamplingAxis
{
    /// <summary>Fraction bits of a coefficient: 32 bits minus 8 bits per sample and 2 bits of headroom.</summary>
    public const int FractionBits = 22;

    private readonly int[] first;
    private readonly int[][] coefficients;

    /// <summary>Computes the coefficients.</summary>
    /// <param name="length">The length of the axis in pixels at full resolution.</param>
    /// <param name="size">The length after resizing.</param>
    /// <param name="shrink">
    /// The factor by which the decoder has already reduced the axis: each input sample is the mean of this many pixels and gets the sum of their coefficients.
    /// Leftover pixels at the end are assigned to the last sample.
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

    /// <summary>The number of input samples.</summary>
    public int Samples { get; }

    /// <summary>The number of output pixels.</summary>
    public int Size { get; }

    /// <summary>Returns the index of the first input sample that contributes to an output pixel.</summary>
    public int First(int output) => first[output];

    /// <summary>Returns the coefficients of the input samples, starting at <see cref="First"/>.</summary>
    public ReadOnlySpan<int> Coefficients(int output) => coefficients[output];
}
