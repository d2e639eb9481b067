using System.Buffers.Binary;
using System.Text;

namespace Lentigo.Core.Imaging;

/// <summary>Recognizes unsupported file formats so that error messages can name them.</summary>
public static class OtherFileFormats
{
    /// <summary>Signatures at the start of a file, from the formats' specifications.</summary>
    private static readonly (byte[] Signature, string Name)[] Signatures =
    [
        ([.. "GIF8"u8], "GIF"),
        ([.. "%PDF-"u8], "PDF"),
        ([0, 0, 0, 12, .. "jP  "u8, 13, 10, 0x87, 10], "JPEG 2000"), // ISO/IEC 15444-1, annex I
        ([0xff, 0x4f, 0xff, 0x51], "JPEG 2000"), // a bare codestream
        ([0, 0, 0, 12, .. "JXL "u8, 13, 10, 0x87, 10], "JPEG XL"), // ISO/IEC 18181-2
        ([0xff, 0x0a], "JPEG XL"), // a bare codestream
        ([.. "II"u8, 0xbc], "JPEG XR"),
        ([.. "8BPS"u8], "Photoshop"),
        ([0x76, 0x2f, 0x31, 1], "OpenEXR"),
        ([0, 0, 1, 0], "ICO"),
        ([.. "PK"u8, 3, 4], "ZIP"),
        ([.. "PK"u8, 5, 6], "ZIP"),
        ([0x1f, 0x8b], "gzip"),
        ([.. "7z"u8, 0xbc, 0xaf, 0x27, 0x1c], "7z"),
        ([.. "Rar!"u8], "RAR"),
        ([0x1a, 0x45, 0xdf, 0xa3], "Matroska or WebM"),
        ([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], "legacy Microsoft Office"),
    ];

    /// <summary>The number of bytes inspected to detect text.</summary>
    private const int TextSample = 512;

    /// <summary>Returns the name of a file's format, or null if it is not recognized.</summary>
    public static string? NameOf(ReadOnlySpan<byte> file)
    {
        if (file.Length >= 12 && file[4..8].SequenceEqual("ftyp"u8))
        {
            return BrandName(file);
        }

        // 'BM' alone could be the beginning of a text: also check that the header size is a valid one.
        if (file.Length >= 18 && file.StartsWith("BM"u8) && BinaryPrimitives.ReadUInt32LittleEndian(file[14..]) is 12 or 16 or 40 or 52 or 56 or 64 or 108 or 124)
        {
            return "BMP";
        }

        foreach ((byte[] signature, string name) in Signatures)
        {
            if (file.StartsWith(signature))
            {
                return name;
            }
        }

        return TextName(file[..Math.Min(TextSample, file.Length)]);
    }

    /// <summary>Reads the brands of an ISO base media file (ISO/IEC 14496-12): the major brand, then the compatible brands.</summary>
    private static string BrandName(ReadOnlySpan<byte> file)
    {
        int end = (int)Math.Min(Math.Min(BinaryPrimitives.ReadUInt32BigEndian(file), (uint)file.Length), 256);
        for (int at = 8; at + 4 <= end; at += at == 8 ? 8 : 4)
        {
            switch (Encoding.ASCII.GetString(file.Slice(at, 4)))
            {
                case "avif" or "avis":
                    return "AVIF";
                case "heic" or "heix" or "hevc" or "hevx" or "heim" or "heis":
                    return "HEIC";
                case "jp2 ":
                    return "JPEG 2000";
                case "crx ":
                    return "Canon CR3";
            }
        }

        return Encoding.ASCII.GetString(file.Slice(8, 4)) is "mif1" or "msf1" ? "HEIF" : "video";
    }

    private static string? TextName(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith((ReadOnlySpan<byte>)[0xef, 0xbb, 0xbf]))
        {
            start = start[3..];
        }

        foreach (byte b in start)
        {
            if (b < 32 && b is not (9 or 10 or 12 or 13))
            {
                return null;
            }
        }

        string text = Encoding.UTF8.GetString(start).TrimStart();
        return text.Contains("<svg", StringComparison.OrdinalIgnoreCase) ? "SVG"
            : text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase) || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase) ? "HTML"
            : text.StartsWith('{') || text.StartsWith('[') ? "JSON"
            : text.StartsWith("data:image/", StringComparison.OrdinalIgnoreCase) || IsBase64Image(text) ? "Base64 text"
            : text.Length > 0 ? "text" : null;
    }

    /// <summary>Whether the text starts with the Base64 encoding of a JPEG or PNG signature.</summary>
    private static bool IsBase64Image(string text) => text.StartsWith("/9j/", StringComparison.Ordinal) || text.StartsWith("iVBORw0KGgo", StringComparison.Ordinal);
}
