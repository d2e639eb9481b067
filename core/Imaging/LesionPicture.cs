using NetVips;

namespace Lentigo.Core.Imaging;

/// <summary>
/// Renders images for people to look at: thumbnails of image files, and the pixels that the networks see. The output contains no metadata of the file.
/// </summary>
public static class LesionPicture
{
    /// <summary>Makes a thumbnail of an image file: same aspect ratio, upright.</summary>
    /// <param name="file">The file's bytes: JPEG, PNG, WebP or TIFF.</param>
    /// <param name="side">The maximum length of the longer side in pixels; smaller images are not enlarged.</param>
    /// <param name="limits">Limits on the file and image size.</param>
    /// <param name="cancellationToken">Cancels decoding; checked between strips of rows.</param>
    /// <returns>A JPEG file without metadata.</returns>
    /// <exception cref="ImageRejectedException">The file is not a supported image, too large or damaged.</exception>
    public static byte[] Copy(byte[] file, int side, ImageLimits limits, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        var (pixels, width, height, _, _) = ImageDecoder.Decode(file, limits, Scaled, cancellationToken);
        using Image image = Image.NewFromMemoryCopy(pixels, width, height, 3, Enums.BandFormat.Uchar);
        using Image copy = image.Copy(interpretation: Enums.Interpretation.Srgb);
        return copy.JpegsaveBuffer(q: 85, keep: Enums.ForeignKeep.None);

        (int Width, int Height) Scaled(int fileWidth, int fileHeight)
        {
            double scale = Math.Min(1, (double)side / Math.Max(fileWidth, fileHeight));
            return (Math.Max(1, (int)Math.Round(fileWidth * scale)), Math.Max(1, (int)Math.Round(fileHeight * scale)));
        }
    }

    /// <summary>Renders the pixels of an image file that the networks see, as <see cref="LesionImage.Decode"/> returns them.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="size">The side of the square in pixels.</param>
    /// <param name="limits">Limits on the file and image size.</param>
    /// <param name="cancellationToken">Cancels decoding; checked between strips of rows.</param>
    /// <returns>A PNG file of <paramref name="size"/> x <paramref name="size"/> pixels.</returns>
    /// <exception cref="ImageRejectedException">The file is not a supported image, too large or damaged.</exception>
    public static byte[] ModelInput(byte[] file, int size, ImageLimits limits, CancellationToken cancellationToken = default)
    {
        using Image square = Image.NewFromMemoryCopy(LesionImage.Read(file, size, limits, cancellationToken).Pixels, size, size, 3, Enums.BandFormat.Uchar);
        using Image rgb = square.Copy(interpretation: Enums.Interpretation.Srgb);
        return rgb.PngsaveBuffer();
    }
}
