namespace Lentigo.Core.Imaging;

/// <summary>Decodes an image file into the pixels that the networks see. Training and serving share this decoder and resampler.</summary>
public static class LesionImage
{
    /// <summary>The revision of this code. Increment it whenever the output of <see cref="Decode"/> changes.</summary>
    private const int Revision = 2;

    /// <summary>
    /// Identifies everything apart from the file that determines the output of <see cref="Decode"/>: this code and the libvips version. Pixel caches store it
    /// to detect stale entries.
    /// </summary>
    public static string DecoderVersion { get; } = $"{Revision}/libvips {ImageDecoder.LibraryVersion}";

    /// <summary>
    /// Decodes a JPEG, PNG, WebP or TIFF file to 8-bit sRGB and resizes the whole image to a square, ignoring the aspect ratio, with antialiased bilinear
    /// interpolation. Applies the EXIF orientation and an embedded ICC profile, composites transparent pixels over white, and converts grayscale, CMYK and
    /// 16-bit images. Only the first page or frame is read.
    /// </summary>
    /// <remarks>
    /// The result is identical to Pillow's <c>resize</c> with <c>BILINEAR</c> of the decoded image. For a JPEG of at least 14 times the target size, it differs
    /// by at most 0.1 levels on average and 2 levels at any pixel.
    /// </remarks>
    /// <param name="file">The file's bytes.</param>
    /// <param name="size">The side of the square in pixels, s.</param>
    /// <param name="limits">Limits on the file and image size.</param>
    /// <returns>uint8 pixels [s, s, 3], RGB, rows from top to bottom.</returns>
    /// <exception cref="ImageRejectedException">The file is not an image, too large, damaged or of an unsupported kind.</exception>
    public static byte[] Decode(byte[] file, int size, ImageLimits limits) => Read(file, size, limits).Pixels;

    /// <summary>Like <see cref="Decode"/>, but also returns the original size of the image.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="size">The side of the square in pixels, s.</param>
    /// <param name="limits">Limits on the file and image size.</param>
    /// <param name="cancellationToken">Cancels decoding; checked between strips of rows.</param>
    /// <exception cref="ImageRejectedException">The file is not an image, too large, damaged or of an unsupported kind.</exception>
    public static DecodedImage Read(byte[] file, int size, ImageLimits limits, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var (pixels, _, _, width, height) = ImageDecoder.Decode(file, limits, (_, _) => (size, size), cancellationToken);
        return new(pixels, size, width, height);
    }

    /// <summary>Resizes uint8 RGB pixels [height, width, 3] to [size, size, 3] with the same interpolation as <see cref="Decode"/>.</summary>
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
