using System.Buffers.Binary;

namespace Lentigo.Core.Imaging;

/// <summary>Writes pixels as a minimal uncompressed TIFF file (TIFF 6.0, sections 4 and 6), for decoders that accept only files.</summary>
internal static class UncompressedTiff
{
    private const int Entries = 9, Header = 8, BitsAt = Header + 2 + 12 * Entries + 4, PixelsAt = BitsAt + 6;

    /// <summary>Encodes 8-bit pixels.</summary>
    /// <param name="pixels">[height, width, samples], rows from top to bottom.</param>
    /// <param name="width">The width in pixels.</param>
    /// <param name="height">The height in pixels.</param>
    /// <param name="samples">Samples per pixel: 3 for RGB, 1 for gray.</param>
    public static byte[] Write(byte[] pixels, int width, int height, int samples)
    {
        byte[] file = new byte[PixelsAt + pixels.Length];
        "II*\0"u8.CopyTo(file);
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), Header);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(Header), Entries);
        (ushort Tag, int Value)[] entries =
        [
            (256, width), (257, height), (258, samples == 1 ? 8 : BitsAt), (259, 1), (262, samples == 1 ? 1 : 2), (273, PixelsAt), (277, samples), (278, height), (279, pixels.Length),
        ];
        foreach ((int i, (ushort tag, int value)) in entries.Index())
        {
            Span<byte> entry = file.AsSpan(Header + 2 + 12 * i);
            bool isBits = tag == 258;
            BinaryPrimitives.WriteUInt16LittleEndian(entry, tag);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], (ushort)(isBits ? 3 : 4)); // SHORT or LONG
            BinaryPrimitives.WriteInt32LittleEndian(entry[4..], isBits ? samples : 1);
            BinaryPrimitives.WriteInt32LittleEndian(entry[8..], value);
        }

        for (int i = 0; i < 3; i++)
        {
            BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(BitsAt + 2 * i), 8);
        }

        pixels.CopyTo(file, PixelsAt);
        return file;
    }
}
