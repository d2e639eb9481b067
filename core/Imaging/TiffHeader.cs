using System.Buffers.Binary;

namespace Lentigo.Core.Imaging;

/// <summary>The sample format in the first directory of a TIFF file (TIFF 6.0, Adobe 1992; BigTIFF).</summary>
internal sealed class TiffHeader
{
    private const int ImageWidth = 256, ImageLength = 257, BitsPerSampleTag = 258, CompressionTag = 259, PhotometricTag = 262, SamplesPerPixelTag = 277, RowsPerStrip = 278,
        PlanarConfiguration = 284, TileLength = 323, InkSet = 332, ExtraSamplesTag = 338, SampleFormat = 339;

    private const int OldJpeg = 6, UnsignedInteger = 1, SignedInteger = 2, FloatingPoint = 3, Untyped = 4, Cmyk = 1, AssociatedAlpha = 1, UnassociatedAlpha = 2;
    private readonly Dictionary<int, long[]> values;

    private TiffHeader(Dictionary<int, long[]> values) => this.values = values;

    /// <summary>The supported photometric interpretations.</summary>
    public enum Photometric
    {
        /// <summary>Gray, 0 is white.</summary>
        WhiteIsZero = 0,

        /// <summary>Gray, 0 is black.</summary>
        BlackIsZero = 1,

        /// <summary>Red, green, blue.</summary>
        Rgb = 2,

        /// <summary>Indices into a color map.</summary>
        Palette = 3,

        /// <summary>Inks; only CMYK is supported.</summary>
        Separated = 5,

        /// <summary>Luminance and chrominance.</summary>
        YCbCr = 6,
    }

    /// <summary>How sample values represent colors.</summary>
    public Photometric Interpretation => (Photometric)First(PhotometricTag, -1);

    /// <summary>The number of color samples per pixel: 1, 3 or 4.</summary>
    public int Colors => Interpretation switch
    {
        Photometric.Rgb or Photometric.YCbCr => 3,
        Photometric.Separated => 4,
        _ => 1,
    };

    /// <summary>The number of samples per pixel after the color samples.</summary>
    public int ExtraSamples => (int)First(SamplesPerPixelTag, 1) - Colors;

    /// <summary>The index of the alpha sample among the extra samples, or null. Extra samples of unspecified meaning are not treated as alpha.</summary>
    public int? Alpha => values.TryGetValue(ExtraSamplesTag, out long[]? kinds) && Array.FindIndex(kinds, k => k is AssociatedAlpha or UnassociatedAlpha) is >= 0 and int i && i < ExtraSamples ? i : null;

    /// <summary>The maximum number of bytes that a decoder holds at once: a strip or a row of tiles, all channels.</summary>
    public long HeldBytes
    {
        get
        {
            long height = First(ImageLength, 0), rows = Math.Min(height, First(TileLength, First(RowsPerStrip, height)));
            return First(ImageWidth, 0) * rows * First(SamplesPerPixelTag, 1) * Math.Max(1, First(BitsPerSampleTag, 1) / 8);
        }
    }

    /// <summary>The reason why the samples cannot be read as colors, as words that follow 'the file has'; null if they can.</summary>
    public string? Fault
    {
        get
        {
            long[] bits = values.GetValueOrDefault(BitsPerSampleTag, [1]), formats = values.GetValueOrDefault(SampleFormat, [UnsignedInteger]);
            if (First(CompressionTag, 1) == OldJpeg)
            {
                return "old-style JPEG compression (TIFF 6.0, compression 6)";
            }

            if (formats.FirstOrDefault(f => f is not (UnsignedInteger or Untyped)) is not 0 and long format)
            {
                return format switch
                {
                    FloatingPoint => $"{bits[0]}-bit floating-point samples",
                    SignedInteger => $"{bits[0]}-bit signed samples",
                    _ => "samples of an unsupported type",
                };
            }

            if (bits.Any(b => b != bits[0]))
            {
                return "samples of different sizes";
            }

            bool isGray = Interpretation is Photometric.WhiteIsZero or Photometric.BlackIsZero or Photometric.Palette;
            if (bits[0] is not (8 or 16) && !(isGray && ExtraSamples == 0 && bits[0] is 1 or 2 or 4))
            {
                return $"{bits[0]}-bit samples";
            }

            if (!Enum.IsDefined(Interpretation) || (Interpretation == Photometric.Separated && First(InkSet, Cmyk) != Cmyk))
            {
                return "colors that are not gray, RGB, CMYK or palette-based";
            }

            return ExtraSamples < 0 ? "fewer samples than its color space needs" : null;
        }
    }

    /// <summary>Reads the first directory; returns null if it is missing or malformed.</summary>
    public static TiffHeader? Read(ReadOnlySpan<byte> file)
    {
        try
        {
            bool isLittle = file[0] == 'I';
            bool isBig = U16(file[2..]) == 43;
            long at = isBig ? (long)U64(file[8..]) : U32(file[4..]);
            ReadOnlySpan<byte> directory = file[checked((int)at)..];
            int count = isBig ? checked((int)U64(directory)) : U16(directory);
            directory = directory[(isBig ? 8 : 2)..];
            int entryBytes = isBig ? 20 : 12;
            Dictionary<int, long[]> values = [];
            for (int i = 0; i < count; i++, directory = directory[entryBytes..])
            {
                int tag = U16(directory), size = U16(directory[2..]) switch { 1 => 1, 3 => 2, 4 => 4, 16 => 8, _ => 0 };
                if (size == 0 || tag is not (>= ImageWidth and <= SampleFormat))
                {
                    continue;
                }

                long number = isBig ? (long)U64(directory[4..]) : U32(directory[4..]);
                ReadOnlySpan<byte> held = directory.Slice(isBig ? 12 : 8, isBig ? 8 : 4);
                if (number is < 1 or > ushort.MaxValue)
                {
                    continue; // a list of strips, not a value per sample
                }

                ReadOnlySpan<byte> stored = number * size <= held.Length ? held : file[checked((int)(isBig ? (long)U64(held) : U32(held)))..];
                long[] own = new long[number];
                for (int k = 0; k < own.Length; k++, stored = stored[size..])
                {
                    own[k] = size switch { 1 => stored[0], 2 => U16(stored), 4 => U32(stored), _ => (long)U64(stored) };
                }

                values.TryAdd(tag, own);
            }

            return new(values);

            ushort U16(ReadOnlySpan<byte> b) => isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(b) : BinaryPrimitives.ReadUInt16BigEndian(b);
            uint U32(ReadOnlySpan<byte> b) => isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(b) : BinaryPrimitives.ReadUInt32BigEndian(b);
            ulong U64(ReadOnlySpan<byte> b) => isLittle ? BinaryPrimitives.ReadUInt64LittleEndian(b) : BinaryPrimitives.ReadUInt64BigEndian(b);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException)
        {
            return null;
        }
    }

    private long First(int tag, long otherwise) => values.TryGetValue(tag, out long[]? own) ? own[0] : otherwise;
}
