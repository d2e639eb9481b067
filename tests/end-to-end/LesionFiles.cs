using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using NetVips;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Image files, good and bad, made by the tests.</summary>
internal static class LesionFiles
{
    public static byte[] Jpeg(int seed = 1)
    {
        using Image picture = Picture(seed);
        return picture.JpegsaveBuffer(q: 92);
    }

    /// <summary>A small drawing, of which changed copies are made and sent fast.</summary>
    public static byte[] Small(string format)
    {
        using Image picture = Picture(1), small = picture.ThumbnailImage(120);
        return Encoded(small, format);
    }

    public static byte[] Of(string format)
    {
        using Image picture = Picture(1);
        return Encoded(picture, format);
    }

    private static byte[] Encoded(Image picture, string format) => format switch
    {
        "jpg" => picture.JpegsaveBuffer(q: 92),
        "png" => picture.PngsaveBuffer(),
        "webp" => picture.WebpsaveBuffer(q: 90),
        "tif" => picture.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Lzw),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "no such format"),
    };

    /// <summary>The drawing at another size in pixels.</summary>
    public static byte[] Png(int width, int height)
    {
        using Image picture = Picture(1), resized = picture.ThumbnailImage(width, height: height, size: Enums.Size.Force);
        return resized.PngsaveBuffer();
    }

    /// <summary>A small file of many pixels, which costs much to decode.</summary>
    public static byte[] Large()
    {
        using Image picture = Image.Black(8000, 5000);
        return picture.PngsaveBuffer(bitdepth: 1);
    }

    /// <summary>The bad files by name, with the status and the problem that each must get.</summary>
    public static TheoryData<string, int, string> Bad { get; } = new()
    {
        { "text named.jpg", 415, "unsupported-image" },
        { "empty.jpg", 400, "no-image" },
        { "truncated.jpg", 422, "unreadable-image" },
        { "huge header.png", 422, "too-many-pixels" },
        { "animated.gif", 415, "unsupported-image" },
        { "only a signature.webp", 422, "unreadable-image" },
        { "over the limit.tif", 413, "image-too-large" },
    };

    /// <summary>The content of one of <see cref="Bad"/>.</summary>
    public static byte[] BadContent(string name) => name switch
    {
        "text named.jpg" => "I am not an image."u8.ToArray(),
        "empty.jpg" => [],
        "truncated.jpg" => Jpeg()[..5000],
        "huge header.png" => PngHeader(60_000, 60_000),
        "animated.gif" => AnimatedGif(),
        "only a signature.webp" => Encoding.ASCII.GetBytes("RIFF\0\0\0\0WEBPVP8 "),
        "over the limit.tif" => [.. "II*\0"u8, .. new byte[20_000_000]],
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such file"),
    };

    /// <summary>A DICOM file of uncompressed colors, with a patient's name and birth date, the latter in a sequence too.</summary>
    public static byte[] Dicom(int seed, string patient, bool isExplicit)
    {
        using Image picture = Picture(seed);
        byte[] born = Element(0x0010_0030, "DA", "19700101"u8.ToArray());
        byte[] sequence = [0x32, 0x00, 0x64, 0x10, .. isExplicit ? [.. "SQ"u8, 0, 0] : Array.Empty<byte>(), .. Undefined, .. Item(0xe000), .. Undefined, .. born, .. Item(0xe00d), 0, 0, 0, 0, .. Item(0xe0dd), 0, 0, 0, 0];
        byte[] syntax = Encoding.ASCII.GetBytes(isExplicit ? "1.2.840.10008.1.2.1\0" : "1.2.840.10008.1.2\0");
        return
        [
            .. new byte[128], .. "DICM"u8, 0x02, 0x00, 0x10, 0x00, .. "UI"u8, .. Bytes((ushort)syntax.Length), .. syntax,
            .. Element(0x0010_0010, "PN", Encoding.ASCII.GetBytes(patient)), .. born,
            .. Element(0x0028_0002, "US", Bytes(3)), .. Element(0x0028_0004, "CS", "RGB "u8.ToArray()), .. Element(0x0028_0006, "US", Bytes(0)),
            .. Element(0x0028_0010, "US", Bytes((ushort)picture.Height)), .. Element(0x0028_0011, "US", Bytes((ushort)picture.Width)), .. Element(0x0028_0100, "US", Bytes(8)),
            .. sequence, .. Element(0x7fe0_0010, "OW", picture.WriteToMemory<byte>()),
        ];

        byte[] Element(uint tag, string representation, byte[] value)
        {
            byte[] header = [.. Bytes((ushort)(tag >> 16)), .. Bytes((ushort)tag)], length = BitConverter.GetBytes(value.Length);
            return !isExplicit ? [.. header, .. length, .. value]
                : representation == "OW" ? [.. header, .. "OW"u8, 0, 0, .. length, .. value]
                : [.. header, .. Encoding.ASCII.GetBytes(representation), .. length[..2], .. value];
        }

        static byte[] Bytes(ushort value) => BitConverter.GetBytes(value);

        static byte[] Item(ushort element) => [0xfe, 0xff, .. Bytes(element)];
    }

    private static ReadOnlySpan<byte> Undefined => [0xff, 0xff, 0xff, 0xff];

    /// <summary>Skin with a dark, uneven spot; where it lies, its size and its colours depend on the seed.</summary>
    private static Image Picture(int seed)
    {
        const int Width = 600, Height = 450;
        Random random = new(seed);
        double x0 = 0.3 + 0.4 * random.NextDouble(), y0 = 0.3 + 0.4 * random.NextDouble(), size = 10 + 50 * random.NextDouble(), dark = 0.4 + 0.5 * random.NextDouble();
        byte[] pixels = new byte[Width * Height * 3];
        for (int y = 0, i = 0; y < Height; y++)
        {
            for (int x = 0; x < Width; x++)
            {
                double u = (double)x / Width - x0, v = (double)y / Height - y0;
                double spot = dark * Math.Exp(-size * (u * u + v * v) * (1 + 0.15 * Math.Sin(5 * Math.Atan2(v, u))));
                pixels[i++] = Level(225 * (1 - 0.8 * spot));
                pixels[i++] = Level(180 * (1 - spot));
                pixels[i++] = Level(160 * (1 - 0.9 * spot));
            }
        }

        return Image.NewFromMemoryCopy(pixels, Width, Height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);

        byte Level(double value) => (byte)Math.Clamp(value + 6 * random.NextDouble(), 0, 255);
    }

    private static byte[] AnimatedGif()
    {
        using Image one = Image.Black(20, 20, bands: 3).Copy(interpretation: Enums.Interpretation.Srgb);
        using Image two = one.Invert();
        using Image frames = one.Join(two, Enums.Direction.Vertical);
        using Image animation = frames.Mutate(m => m.Set(GValue.GIntType, "page-height", 20));
        return animation.GifsaveBuffer();
    }

    private static byte[] PngHeader(int width, int height)
    {
        byte[] header = new byte[17];
        "IHDR"u8.CopyTo(header);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(8), height);
        (header[12], header[13]) = (8, 2); // 8 bits, RGB
        byte[] crc = Crc32.Hash(header);
        Array.Reverse(crc);
        return [0x89, .. "PNG\r\n"u8, 0x1a, (byte)'\n', 0, 0, 0, 13, .. header, .. crc, 0, 0, 0, 0, .. "IDAT"u8, 0x35, 0xaf, 0x06, 0x1e];
    }
}
