using NetVips;

namespace Lentigo.Core.Imaging;

/// <summary>
/// Turns an image file into the pixels that the networks see: the one decoder and the one resizing function of training and serving.
/// </summary>
public static class LesionImage
{
    /// <summary>JPEG is shrunk while it is decoded only down to this many times the target, so that the reduction after it decides the result.</summary>
    private const int ShrinkOnLoadMargin = 4;

    private const string ProfileField = "icc-profile-data", OrientationField = "orientation";

    /// <summary>The revision of this code, to be raised when the pixels that <see cref="Decode"/> gives change.</summary>
    private const int Revision = 1;

    /// <summary>What decides the pixels that <see cref="Decode"/> gives beside the file: this code and libvips. Caches of pixels keep it.</summary>
    public static string DecoderVersion { get; } = $"{Revision}/libvips {NetVips.NetVips.Version(0)}.{NetVips.NetVips.Version(1)}.{NetVips.NetVips.Version(2)}";

    static LesionImage()
    {
        // One image is one request's work: parallelism comes from handling several at once. Nothing of an image is kept.
        NetVips.NetVips.Concurrency = 1;
        Cache.Max = 0;
        // What is wrong with a file is told to who sent it; libvips' own warnings would fill the server's error stream.
        Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, (_, _, _) => { });
    }

    /// <summary>
    /// Decodes a JPEG, PNG, WebP or TIFF file to 8-bit sRGB and squashes the whole image to a square with antialiased bilinear
    /// interpolation. EXIF orientation is honoured, transparency is laid on white, greyscale, CMYK and 16-bit images are converted,
    /// an embedded ICC profile is applied. Of several pages or frames the first is taken.
    /// </summary>
    /// <param name="file">The file's bytes.</param>
    /// <param name="size">The side of the square in pixels, s.</param>
    /// <param name="limits">What the file may cost.</param>
    /// <returns>uint8 pixels [s, s, 3], rows from the top, RGB.</returns>
    /// <exception cref="ImageRejectedException">The file is no image, too large or damaged.</exception>
    public static byte[] Decode(byte[] file, int size, ImageLimits limits) => Read(file, size, limits).Pixels;

    /// <summary>As <see cref="Decode"/>, with the size that the image had.</summary>
    /// <inheritdoc cref="Decode"/>
    public static DecodedImage Read(byte[] file, int size, ImageLimits limits)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
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
            using Image opened = Open(file, format, size, limits, out (int Width, int Height) stored);
            using Image rgb = ToRgb(opened);
            using Image square = Squash(rgb, size);
            using Image profiled = ApplyProfile(square);
            // A squash treats both axes alike, so turning the small square equals turning the large image first.
            using Image upright = profiled.Autorot();
            (int width, int height) = IsTurned(opened) ? (stored.Height, stored.Width) : stored;
            return upright.Bands == 3
                ? new(upright.WriteToMemory<byte>(), size, width, height)
                : throw ImageRejectedException.Unreadable(format);
        }
        catch (VipsException)
        {
            throw ImageRejectedException.Unreadable(format);
        }
    }

    /// <summary>
    /// Squashes uint8 RGB pixels [height, width, 3] to [size, size, 3] with the interpolation of <see cref="Decode"/>.
    /// </summary>
    public static byte[] Resize(byte[] pixels, int width, int height, int size)
    {
        using Image image = Image.NewFromMemoryCopy(pixels, width, height, 3, Enums.BandFormat.Uchar);
        using Image square = Squash(image, size);
        return square.WriteToMemory<byte>();
    }

    /// <summary>EXIF orientations 5 to 8 turn the image on its side.</summary>
    private static bool IsTurned(Image image) => image.Contains(OrientationField) && image.Get(OrientationField) is int and >= 5 and <= 8;

    private static Image Open(byte[] file, ImageFileFormat format, int size, ImageLimits limits, out (int Width, int Height) stored)
    {
        Image image = Load(file, format, shrink: 1);
        stored = (image.Width, image.Height);
        (long width, long height) = stored;
        if (width * height > limits.MaxPixels)
        {
            image.Dispose();
            throw ImageRejectedException.TooManyPixels(width, height, limits.MaxPixels);
        }

        if (format != ImageFileFormat.Jpeg)
        {
            return image;
        }

        int shrink = 8;
        while (shrink > 1 && Math.Min(width, height) / shrink < (long)size * ShrinkOnLoadMargin)
        {
            shrink /= 2;
        }

        if (shrink == 1)
        {
            return image;
        }

        image.Dispose();
        return Load(file, format, shrink);
    }

    private static Image Load(byte[] file, ImageFileFormat format, int shrink)
    {
        const Enums.Access access = Enums.Access.Sequential;
        const Enums.FailOn failOn = Enums.FailOn.Error; // without it a truncated file decodes to grey
        return format switch
        {
            ImageFileFormat.Jpeg => Image.JpegloadBuffer(file, shrink: shrink, access: access, failOn: failOn),
            ImageFileFormat.Png => Image.PngloadBuffer(file, access: access, failOn: failOn),
            ImageFileFormat.WebP => Image.WebploadBuffer(file, access: access, failOn: failOn),
            _ => Image.TiffloadBuffer(file, access: access, failOn: failOn),
        };
    }

    /// <summary>Flattens and converts to three 8-bit bands; an RGB image with a profile keeps it for <see cref="ApplyProfile"/>.</summary>
    private static Image ToRgb(Image image)
    {
        if (image.Interpretation == Enums.Interpretation.Cmyk)
        {
            return image.Contains(ProfileField)
                ? image.IccTransform("srgb", embedded: true, inputProfile: "cmyk")
                : NaiveCmykToRgb(image);
        }

        double white = image.Format == Enums.BandFormat.Ushort ? 65535 : 255;
        using Image flat = image.HasAlpha() ? image.Flatten(background: [white]) : image.Copy();
        using Image rgb = flat.Colourspace(Enums.Interpretation.Srgb);
        return rgb.Cast(Enums.BandFormat.Uchar);
    }

    /// <summary>CMYK without a profile has no defined colours; this is what browsers show: each of R, G, B is (255 - ink)(255 - K) / 255.</summary>
    private static Image NaiveCmykToRgb(Image image)
    {
        using Image inks = image.ExtractBand(0, n: 3);
        using Image black = image.ExtractBand(3);
        using Image light = inks.Linear([-1], [255]) * black.Linear([-1], [255]);
        using Image scaled = light.Linear([1 / 255.0], [0.5]);
        using Image bytes = scaled.Cast(Enums.BandFormat.Uchar);
        return bytes.Copy(interpretation: Enums.Interpretation.Srgb);
    }

    /// <summary>
    /// Antialiased bilinear (a triangle filter as wide as the reduction) where an axis shrinks, plain bilinear where it grows, pixel
    /// centres at one half. In float: libvips' 8-bit filters lose several levels on large reductions.
    /// </summary>
    private static Image Squash(Image image, int size)
    {
        double across = (double)image.Width / size, down = (double)image.Height / size;
        using Image exact = image.Cast(Enums.BandFormat.Float);
        using Image shorter = down > 1 ? exact.Reducev(down, kernel: Enums.Kernel.Linear) : exact.Copy();
        using Image narrower = across > 1 ? shorter.Reduceh(across, kernel: Enums.Kernel.Linear) : shorter.Copy();
        using Interpolate bilinear = Interpolate.NewFromName("bilinear");
        using Image square = across < 1 || down < 1
            ? narrower.Affine(
                [Math.Max(1, 1 / across), 0, 0, Math.Max(1, 1 / down)],
                interpolate: bilinear, oarea: [0, 0, size, size], idx: 0.5, idy: 0.5, odx: -0.5, ody: -0.5, extend: Enums.Extend.Copy)
            : narrower.Copy();
        using Image rounded = square.Rint();
        return square.Width == size && square.Height == size
            ? rounded.Cast(Enums.BandFormat.Uchar)
            : throw new InvalidOperationException($"Resizing {image.Width} x {image.Height} gave {square.Width} x {square.Height} instead of {size} x {size}.");
    }

    /// <summary>From the camera's colours to sRGB; a broken profile counts as sRGB.</summary>
    private static Image ApplyProfile(Image image) =>
        image.Contains(ProfileField) && image.Interpretation == Enums.Interpretation.Srgb
            ? image.IccTransform("srgb", embedded: true, inputProfile: "srgb")
            : image.Copy();
}
