namespace Lentigo.Training.Packaging;

/// <summary>
/// Images as sharper or softer sources would give them. Training images were reduced and compressed before they were published; what people send was not, and would
/// look unusual for its sharpness alone.
/// </summary>
internal static class SharpnessVariation
{
    /// <summary>The strongest blur: this share of the finest detail goes.</summary>
    private const double Softest = -0.6;

    /// <summary>The strongest sharpening: the finest detail is raised by this factor on top of itself.</summary>
    private const double Sharpest = 1.2;

    /// <summary>Unsharp masking: pixels plus a random multiple of what a 3 x 3 binomial blur takes away.</summary>
    /// <param name="pixels">uint8 [size, size, 3].</param>
    /// <param name="size">The side in pixels.</param>
    /// <param name="seed">One seed gives one variation.</param>
    /// <returns>uint8 [size, size, 3].</returns>
    public static byte[] Of(byte[] pixels, int size, int seed)
    {
#pragma warning disable CA5394 // draws need to be repeatable, not secret
        double amount = Softest + ((Sharpest - Softest) * new Random(seed).NextDouble());
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
                    varied[(3 * (row + x)) + channel] = (byte)Math.Clamp(Math.Round(here + (amount * (here - blurred))), 0, 255);
                }
            }
        }

        return varied;
    }
}
