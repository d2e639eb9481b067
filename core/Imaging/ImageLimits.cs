namespace Lentigo.Core.Imaging;

/// <summary>What an image may cost before it is refused. Both limits are checked before any pixel is decoded.</summary>
public readonly record struct ImageLimits
{
    /// <summary>The defaults: 20 MB and 50 megapixels.</summary>
    public ImageLimits()
    {
    }

    /// <summary>The largest file in bytes; raise it for cameras that write uncompressed TIFF.</summary>
    public long MaxBytes { get; init; } = 20_000_000;

    /// <summary>The most pixels (width times height); guards against small files that unpack to gigabytes.</summary>
    public long MaxPixels { get; init; } = 50_000_000;
}
