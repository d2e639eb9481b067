using NetVips;

namespace Lentigo.Core.Imaging;

/// <summary>Pictures for people: small copies of image files, and the pixels that the networks see. Nothing of a file but its pixels is in them.</summary>
public static class LesionPicture
{
    /// <summary>A copy of an image file in its own proportions and the right way up.</summary>
    /// <param name="file">The file's bytes: JPEG, PNG, WebP or TIFF.</param>
    /// <param name="side">The longer side of the copy in pixels; a smaller image is not enlarged.</param>
    /// <param name="limits">What the file may cost.</param>
    /// <returns>A JPEG file without metadata.</returns>
    /// <exception cref="ImageRejectedException">The file is no image, too large or damaged.</exception>
    public static byte[] Copy(byte[] file, int side, ImageLimits limits)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfLessThan(side, 1);
        if (file.Length == 0)
        {
            throw ImageRejectedException.Empty();
        }

        if (file.LongLength > limits.MaxBytes)
        {
            throw ImageRejectedException.TooLarge(limits.MaxBytes);
        }

        ImageFileFormat format = ImageFileFormats.Sniff(file) ?? throw ImageRejectedException.Unsupported(file);
        try
        {
            using (Image header = Image.NewFromBuffer(file))
            {
                if ((long)header.Width * header.Height > limits.MaxPixels)
                {
                    throw ImageRejectedException.TooManyPixels(header.Width, header.Height, limits.MaxPixels);
                }
            }

            using Image copy = Image.ThumbnailBuffer(file, side, height: side, size: Enums.Size.Down, outputProfile: "srgb", failOn: Enums.FailOn.Error);
            return copy.JpegsaveBuffer(q: 85, background: [255], keep: Enums.ForeignKeep.None);
        }
        catch (VipsException)
        {
            throw ImageRejectedException.Unreadable(format);
        }
    }

    /// <summary>The pixels that the networks see of an image file, made as <see cref="LesionImage.Decode"/> makes them.</summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="size">The side of the square in pixels.</param>
    /// <param name="limits">What the file may cost.</param>
    /// <returns>A PNG file of <paramref name="size"/> x <paramref name="size"/> pixels.</returns>
    /// <exception cref="ImageRejectedException">The file is no image, too large or damaged.</exception>
    public static byte[] ModelInput(byte[] file, int size, ImageLimits limits)
    {
        using Image square = Image.NewFromMemoryCopy(LesionImage.Decode(file, size, limits), size, size, 3, Enums.BandFormat.Uchar);
        using Image rgb = square.Copy(interpretation: Enums.Interpretation.Srgb);
        return rgb.PngsaveBuffer();
    }
}
