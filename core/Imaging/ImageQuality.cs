namespace Lentigo.Core.Imaging;

/// <summary>Measures of image quality: whether a lesion can be recognized in the image.</summary>
/// <param name="ShorterSide">The shorter side of the original image in pixels.</param>
/// <param name="Sharpness">
/// The mean absolute Laplacian of the luminance at the networks' input size, divided by the standard deviation of the luminance; 0 for an image without edges.
/// </param>
/// <param name="Brightness">The mean luminance, 0 to 1.</param>
public sealed record ImageQuality(int ShorterSide, double Sharpness, double Brightness)
{
    /// <summary>Measures an image.</summary>
    public static ImageQuality Measure(DecodedImage image)
    {
        ArgumentNullException.ThrowIfNull(image);
        (double sharpness, double brightness) = Measure(image.Pixels, image.Size);
        return new(Math.Min(image.Width, image.Height), sharpness, brightness);
    }

    /// <summary>Computes sharpness and brightness of uint8 [size, size, 3] RGB pixels.</summary>
    public static (double Sharpness, double Brightness) Measure(ReadOnlySpan<byte> pixels, int size)
    {
        double[] luminance = new double[size * size];
        double sum = 0, squares = 0;
        for (int i = 0; i < luminance.Length; i++)
        {
            // Luma weights of ITU-R BT.601.
            double y = ((0.299 * pixels[3 * i]) + (0.587 * pixels[(3 * i) + 1]) + (0.114 * pixels[(3 * i) + 2])) / 255;
            luminance[i] = y;
            sum += y;
            squares += y * y;
        }

        double mean = sum / luminance.Length, deviation = Math.Sqrt(Math.Max(0, (squares / luminance.Length) - (mean * mean))), edges = 0;
        for (int row = 1; row < size - 1; row++)
        {
            for (int column = 1; column < size - 1; column++)
            {
                int at = (row * size) + column;
                edges += Math.Abs((4 * luminance[at]) - luminance[at - 1] - luminance[at + 1] - luminance[at - size] - luminance[at + size]);
            }
        }

        const double flat = 1e-3; // less than one 8-bit level: rounding noise, not image content
        return (deviation < flat ? 0 : edges / Math.Max(1, (size - 2) * (size - 2)) / deviation, mean);
    }
}
