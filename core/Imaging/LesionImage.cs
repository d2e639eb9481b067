namespace Lentigo.Core.Imaging;

/// <summary>
/// Turns an image file into the pixels that the networks see: the one decoder and the one resizing function of training and serving.
/// </summary>
public static class LesionImage
{
    /// <summary>The revision of this code, to be raised when the pixels that <see cref="Decode"/> gives change.</summary>
    private const int Revision = 2;

    /// <summary>What decides the pixels that <see cref="Decode"/> gives beside the file: this code and libvips. Caches of pixels keep it.</summary>
    public static string DecoderVersion { get; } = $"{Revision}/libvips {ImageDecoder.LibraryVersion}";

    /// <summary>
    /// Decodes a JPEG, PNG, WebP or TIFF file to 8-bit sRGB and squashes the whole image to a square with antialiased bilinear
    /// interpolation. EXIF orientation is honoured, transparency is laid on white, greyscale, CMYK and 16-bit images are converted,
    /// an embedded ICC profile is applied. Of several pages or frames the first is taken.
    /// </summary>
    /// <remarks>
    /// The square equals what Pillow's <c>resize</c> with <c>BILINEAR</c> makes of the decoded image; that of a JPEG of at least 14 times its size is within
    /// 0.1 levels of it on average and 2 at most.
    /// </remarks>
    /// <param name="file">The file's bytes.</param>
    /// <param name="size">The side of the square in pixels, s.</param>
    /// <param name="limits">What the file may cost.</param>
    /// <returns>uint8 pixels [s, s, 3], rows from the top, RGB.</returns>
    /// <exception cref="ImageRejectedException">The file is no image, too large, damaged or of a kind that is not read.</exception>
    public static byte[] Decode(byte[] file, int size, ImageLimits limits) => Read(file, size, limits).Pixels;

    /// <summary>As <see cref="Decode"/>, with the size that the image had.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="size">The side of the square in pixels, s.</param>
    /// <param name="limits">What the file may cost.</param>
    /// <param name="cancellationToken">Stops between rows.</param>
    /// <exception cref="ImageRejectedException">The file is no image, too large, damaged or of a kind that is not read.</exception>
    public static DecodedImage Read(byte[] file, int size, ImageLimits limits, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var (pixels, _, _, width, height) = ImageDecoder.Decode(file, limits, (_, _) => (size, size), cancellationToken);
        return new(pixels, size, width, height);
    }

    /// <summary>
    /// Squashes uint8 RGB pixels [height, width, 3] to [size, size, 3] with the interpolation of <see cref="Decode"/>.
    /// </summary>
    public static byte[] Resize(byte[] pixels, int width, int height, int size)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        BilinearResampler resampler = new(new(width, size), new(height, size), channels: 3);
        for (int row = 0; row < height; row++)
        {
            resampler.Add(pixels.AsSpan(row * width * 3, width * 3));
        }

        return resampler.ToPixels();
    }
}
