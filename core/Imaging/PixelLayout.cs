using System.Runtime.CompilerServices;

namespace Lentigo.Core.Imaging;

/// <summary>The sample layout of decoded pixels, and their conversion to 8-bit gray, RGB or CMYK.</summary>
/// <param name="Bands">Samples per pixel.</param>
/// <param name="Colors">The number of color samples, which come first in each pixel: 1 (gray), 3 (RGB) or 4 (CMYK).</param>
/// <param name="Alpha">The index of the alpha sample, or null.</param>
/// <param name="SampleBytes">Bytes per sample: 1, or 2 in native byte order.</param>
/// <param name="KeepsInks">Whether CMYK is kept, to be converted later with its ICC profile.</param>
internal sealed record PixelLayout(int Bands, int Colors, int? Alpha, int SampleBytes, bool KeepsInks)
{
    private const int Inks = 4;

    /// <summary>Samples per pixel in the output of <see cref="ToBytes"/>: 1, 3 or 4.</summary>
    public int Channels => Colors == Inks && !KeepsInks ? 3 : Colors;

    /// <summary>
    /// Drops non-color samples, composites transparent pixels over white and reduces 16-bit samples to their upper 8 bits. CMYK without a profile has no
    /// defined colors; R, G and B are computed as browsers do: (255 - ink)(255 - K) / 255.
    /// </summary>
    /// <param name="row">A row of pixels from the decoder.</param>
    /// <param name="buffer">At least <see cref="Channels"/> bytes per pixel.</param>
    /// <returns>uint8 [width, channels]; <paramref name="row"/> itself if no conversion is needed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public ReadOnlySpan<byte> ToBytes(ReadOnlySpan<byte> row, Span<byte> buffer)
    {
        if (SampleBytes == 1 && Bands == Channels)
        {
            return row;
        }

        Span<byte> bytes = buffer[..(row.Length / (Bands * SampleBytes) * Channels)];
        // 16-bit samples are in native byte order: read only their upper bytes.
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

    /// <summary>Converts CMYK pixels whose profile turned out to be unusable to RGB.</summary>
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
