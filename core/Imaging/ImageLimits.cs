namespace Lentigo.Core.Imaging;

/// <summary>Limits on the size of an image file. Both are checked before any pixel is decoded.</summary>
public readonly record struct ImageLimits
{
    /// <summary>The defaults: 20 MB and 50 megapixels.</summary>
    public ImageLimits()
    {
    }

    /// <summary>The maximum file size in bytes; raise it for cameras that write uncompressed TIFF.</summary>
    public long MaxBytes { get; init; } = 20_000_000;

    /// <summary>The maximum number of pixels (width times height); guards against small files that decompress to gigabytes.</summary>
    public long MaxPixels { get; init; } = 50_000_000;
}
