using System.Runtime.CompilerServices;

namespace Lentigo.Core.Imaging;

/// <summary>How a decoder gives pixels, and how a row of them becomes 8-bit gray, RGB or CMYK.</summary>
/// <param name="Bands">Samples a pixel.</param>
/// <param name="Colors">The first samples of a pixel, its colours: 1 (gray), 3 (RGB) or 4 (CMYK).</param>
/// <param name="Alpha">The index of the opacity among the samples, or null.</param>
/// <param name="SampleBytes">1, or 2 for samples of the machine's byte order.</param>
/// <param name="KeepsInks">Whether CMYK stays CMYK, for a profile that says what its colours are.</param>
internal sealed record PixelLayout(int Bands, int Colors, int? Alpha, int SampleBytes, bool KeepsInks)
{
    private const int Inks = 4;

    /// <summary>Samples a pixel of what <see cref="ToBytes"/> gives: 1, 3 or 4.</summary>
    public int Channels => Colors == Inks && !KeepsInks ? 3 : Colors;

    /// <summary>
    /// Drops samples that are no colours, lays transparency on white and reduces 16 bits to the upper 8. CMYK without a profile has no defined colours; R, G and B are
    /// what browsers show: (255 - ink)(255 - K) / 255.
    /// </summary>
    /// <param name="row">A row as the decoder gives it.</param>
    /// <param name="buffer">At least <see cref="Channels"/> bytes for each pixel.</param>
    /// <returns>uint8 [width, channels]: <paramref name="row"/> itself if nothing is to be done.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public ReadOnlySpan<byte> ToBytes(ReadOnlySpan<byte> row, Span<byte> buffer)
    {
        if (SampleBytes == 1 && Bands == Channels)
        {
            return row;
        }

        Span<byte> bytes = buffer[..(row.Length / (Bands * SampleBytes) * Channels)];
        // 16-bit samples are in the machine's byte order: their upper bytes are read, a step of two apart.
        int upper = SampleBytes == 2 && BitConverter.IsLittleEndian ? 1 : 0;
        for (int from = upper, to = 0; to < bytes.Length; from += Bands * SampleBytes, to += Channels)
        {
            int opacity = Alpha is { } alpha ? row[from + (alpha * SampleBytes)] : byte.MaxValue;
            for (int c = 0; c < Channels; c++)
            {
                int value = row[from + (c * SampleBytes)];
                if (Channels < Colors)
                {
                    value = Scale(byte.MaxValue - value, byte.MaxValue - row[from + ((Inks - 1) * SampleBytes)]);
                }

                bytes[to + c] = (byte)(opacity == byte.MaxValue ? value : Scale(value, opacity) + (KeepsInks ? 0 : byte.MaxValue - opacity));
            }
        }

        return bytes;
    }

    /// <summary>The RGB of CMYK pixels whose profile turned out not to be usable.</summary>
    /// <param name="inks">uint8 [n, 4].</param>
    /// <returns>uint8 [n, 3].</returns>
    public static byte[] WithoutProfile(byte[] inks)
    {
        byte[] rgb = new byte[inks.Length / Inks * 3];
        new PixelLayout(Inks, Inks, Alpha: null, SampleBytes: 1, KeepsInks: false).ToBytes(inks, rgb);
        return rgb;
    }

    private static int Scale(int value, int by) => ((value * by) + (byte.MaxValue / 2)) / byte.MaxValue;
}
