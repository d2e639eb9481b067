using System.Buffers.Binary;

namespace Lentigo.Core.Imaging;

/// <summary>The coding parameters in the header of a JPEG file, that is, in the segments before the first scan (ITU-T T.81, annex B).</summary>
/// <param name="Width">The width in pixels.</param>
/// <param name="Height">The height in pixels.</param>
/// <param name="IsArithmetic">Whether the file uses arithmetic coding.</param>
/// <param name="NeedsAllCoefficients">
/// Whether a decoder must read every scan before it can output a row: true for progressive files and for files whose components are in separate scans.
/// </param>
/// <param name="CoefficientsPerPixel">Coefficients per pixel over all components: 3 without chroma subsampling, 1.5 with 4:2:0 subsampling.</param>
internal sealed record JpegHeader(int Width, int Height, bool IsArithmetic, bool NeedsAllCoefficients, double CoefficientsPerPixel)
{
    private const byte Marker = 0xff, StartOfFrame0 = 0xc0, DefineHuffman = 0xc4, Reserved = 0xc8, DefineArithmetic = 0xcc, StartOfFrame15 = 0xcf, StartOfScan = 0xda, EndOfImage = 0xd9;

    /// <summary>The reason why the file cannot be read, as words that follow 'the file has'; null if it can be read.</summary>
    public string? Fault => IsArithmetic ? "arithmetic coding, in which missing parts of the image cannot be detected" : null;

    /// <summary>Reads the header; returns null if there is none or it is malformed.</summary>
    public static JpegHeader? Read(ReadOnlySpan<byte> file)
    {
        JpegHeader? frame = null;
        int components = 0;
        for (int at = 2; at + 4 <= file.Length;)
        {
            if (file[at] != Marker || file[at + 1] is Marker or 0)
            {
                at++; // padding
                continue;
            }

            byte marker = file[at + 1];
            ReadOnlySpan<byte> segment = file[(at + 2)..];
            int length = BinaryPrimitives.ReadUInt16BigEndian(segment);
            if (marker == EndOfImage || length < 2 || length > segment.Length)
            {
                return null;
            }

            segment = segment[2..length];
            if (marker == StartOfScan)
            {
                return frame is not null && segment.Length > 0 ? frame with { NeedsAllCoefficients = frame.NeedsAllCoefficients || segment[0] < components } : null;
            }

            if (marker is >= StartOfFrame0 and <= StartOfFrame15 and not (DefineHuffman or Reserved or DefineArithmetic))
            {
                if (frame is not null || segment.Length < 6 || segment.Length < 6 + (3 * segment[5]))
                {
                    return null;
                }

                components = segment[5];
                frame = FrameOf(marker, segment);
            }

            at += 2 + length;
        }

        return null;
    }

    private static JpegHeader FrameOf(byte marker, ReadOnlySpan<byte> segment)
    {
        // The lower two bits distinguish baseline, extended, progressive and lossless; the fourth bit is arithmetic coding (table B.1).
        const int coding = 3, progressive = 2, arithmetic = 8;
        int blocks = 0, largest = 1;
        for (int c = 0; c < segment[5]; c++)
        {
            int sampling = segment[6 + (3 * c) + 1], own = (sampling >> 4) * (sampling & 15);
            blocks += own;
            largest = Math.Max(largest, own);
        }

        return new(
            BinaryPrimitives.ReadUInt16BigEndian(segment[3..]),
            BinaryPrimitives.ReadUInt16BigEndian(segment[1..]),
            IsArithmetic: (marker & arithmetic) != 0,
            NeedsAllCoefficients: (marker & coding) == progressive,
            CoefficientsPerPixel: (double)blocks / largest);
    }
}
