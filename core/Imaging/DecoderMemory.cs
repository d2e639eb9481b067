using System.Buffers.Binary;

namespace Lentigo.Core.Imaging;

/// <summary>
/// Estimates the memory that a decoder must hold at once because of how a file is encoded: the coefficients of a progressive JPEG, the pixels of an interlaced
/// PNG or a WebP, a strip of a TIFF. All other files are decoded row by row.
/// </summary>
public static class DecoderMemory
{
    /// <summary>libwebp holds two RGBA copies of an image: its decoding buffer and its output.</summary>
    private const int WebPBytesPerPixel = 8;

    private const int CoefficientBytes = 2;

    /// <summary>
    /// Returns the number of bytes that decoding needs in addition to the file itself, computed from the header. 0 if the header cannot be parsed, since such a
    /// file is rejected.
    /// </summary>
    public static long Of(ReadOnlySpan<byte> file) => ImageFileFormats.Sniff(file) switch
    {
        ImageFileFormat.Jpeg => JpegHeader.Read(file) is { NeedsAllCoefficients: true } jpeg ? (long)((long)jpeg.Width * jpeg.Height * jpeg.CoefficientsPerPixel * CoefficientBytes) : 0,
        ImageFileFormat.Png => OfPng(file),
        ImageFileFormat.WebP => OfWebP(file),
        ImageFileFormat.Tiff => TiffHeader.Read(file)?.HeldBytes ?? 0,
        _ => 0,
    };

    /// <summary>Reads the header of an interlaced PNG (ISO/IEC 15948, 11.2.2).</summary>
    private static long OfPng(ReadOnlySpan<byte> file)
    {
        const int width = 16, height = 20, depth = 24, colorType = 25, interlace = 28, headerEnd = 29;
        if (file.Length < headerEnd || file[interlace] == 0)
        {
            return 0;
        }

        int samples = file[colorType] switch { 0 => 1, 4 => 2, 2 => 3, _ => 4 };
        return (long)BinaryPrimitives.ReadUInt32BigEndian(file[width..]) * BinaryPrimitives.ReadUInt32BigEndian(file[height..]) * samples * (file[depth] > 8 ? 2 : 1);
    }

    /// <summary>Reads the size of the canvas or of the only frame (RFC 9649, 2.5 to 2.7 and 3.4; RFC 6386, 9.1).</summary>
    private static long OfWebP(ReadOnlySpan<byte> file)
    {
        const int chunk = 12, lossy = 26, lossless = 21, canvas = 24, shortest = 30, sideBits = 14, sideMask = (1 << sideBits) - 1;
        if (file.Length < shortest)
        {
            return 0;
        }

        (long width, long height) = (char)file[chunk + 3] switch
        {
            'X' => (1 + U24(file[canvas..]), 1 + U24(file[(canvas + 3)..])),
            'L' when BinaryPrimitives.ReadUInt32LittleEndian(file[lossless..]) is var bits => (1 + (bits & sideMask), 1 + ((bits >> sideBits) & sideMask)),
            _ => (BinaryPrimitives.ReadUInt16LittleEndian(file[lossy..]) & sideMask, BinaryPrimitives.ReadUInt16LittleEndian(file[(lossy + 2)..]) & sideMask),
        };
        return width * height * WebPBytesPerPixel;

        static long U24(ReadOnlySpan<byte> b) => b[0] | (b[1] << 8) | (b[2] << 16);
    }
}
