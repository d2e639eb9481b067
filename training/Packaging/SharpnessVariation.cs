namespace Lentigo.Training.Packaging;

/// <summary>
/// Training images as sharper, softer or grainier cameras would give them. The training images were reduced and compressed before they were published; what
/// people
/// send was not, and would look unusual for its sharpness and sensor noise alone.
/// </summary>
internal static class SharpnessVariation
{
    /// <summary>The strongest blur: this share of the finest detail goes.</summary>
    private const double Softest = -0.6;

    /// <summary>The strongest sharpening: the finest detail is raised by this factor on top of itself.</summary>
    private const double Sharpest = 1.2;

    /// <summary>The largest deviation of a channel's amount from the common one: lenses and chroma subsampling blur the channels differently.</summary>
    private const double ChannelDeviation = 0.3;

    /// <summary>The largest standard deviation of the grain, in levels of 255.</summary>
    private const double Grainiest = 4;

    /// <summary>Unsharp masking, per channel: pixels plus a random multiple of what a 3 x 3 binomial blur takes away. Then Gaussian grain.</summary>
    /// <param name="pixels">uint8 [size, size, 3].</param>
    /// <param name="size">The side in pixels.</param>
    /// <param name="seed">One seed gives one variation.</param>
    /// <returns>uint8 [size, size, 3].</returns>
    public static byte[] Of(byte[] pixels, int size, int seed)
    {
#pragma warning disable CA5394 // draws need to be repeatable, not secret
        Random random = new(seed);
        double common = Softest + ((Sharpest - Softest) * random.NextDouble()), grain = Grainiest * random.NextDouble();
        double[] amounts = [.. Enumerable.Range(0, 3).Select(_ => common + (ChannelDeviation * ((2 * random.NextDouble()) - 1)))];

        // Box-Muller.
        double Gaussian() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
#pragma warning restore CA5394
        byte[] varied = new byte[pixels.Length];
        for (int y = 0; y < size; y++)
        {
            int above = Math.Max(y - 1, 0) * size, row = y * size, below = Math.Min(y + 1, size - 1) * size;
            for (int x = 0; x < size; x++)
            {
                int left = Math.Max(x - 1, 0), right = Math.Min(x + 1, size - 1);
                for (int channel = 0; channel < 3; channel++)
                {
                    int At(int start, int column) => pixels[(3 * (start + column)) + channel];
                    double blurred = (At(above, left) + (2 * At(above, x)) + At(above, right)
                        + (2 * (At(row, left) + (2 * At(row, x)) + At(row, right)))
                        + At(below, left) + (2 * At(below, x)) + At(below, right)) / 16.0;
                    int here = At(row, x);
                    varied[(3 * (row + x)) + channel] =
                        (byte)Math.Clamp(Math.Round(here + (amounts[channel] * (here - blurred)) + (grain * Gaussian())), 0, 255);
                }
            }
        }

        return varied;
    }
}
