using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Lentigo.Core.Imaging;

/// <summary>
/// Resizes an image row by row, so that only a few rows are in memory. One axis is resized and rounded to 8 bits, then the other. The result is byte for byte
/// identical to Pillow's <c>Image.resize</c> with <c>BILINEAR</c>; see <see cref="ResamplingAxis"/>.
/// </summary>
/// <param name="columns">The horizontal axis.</param>
/// <param name="rows">The vertical axis.</param>
/// <param name="channels">Samples per pixel: 1, 3 or 4.</param>
/// <param name="verticalFirst">
/// Whether to resize the vertical axis first, for an image that is rotated by 90 degrees afterwards. Otherwise the horizontal axis is resized first, as in
/// Pillow.
/// </param>
internal sealed class BilinearResampler(ResamplingAxis columns, ResamplingAxis rows, int channels, bool verticalFirst = false)
{
    private const int Half = 1 << (ResamplingAxis.FractionBits - 1);

    // Padded because pixels are read four bytes at a time, even those with three channels.
    private readonly byte[] padded = new byte[(columns.Samples * channels) + Vector128<byte>.Count];
    private readonly int[] wide = new int[verticalFirst ? columns.Samples * channels : 0];
    private readonly int[] narrow = new int[columns.Size * channels];
    private readonly Dictionary<int, int[]> open = [];
    private readonly byte[] pixels = new byte[rows.Size * columns.Size * channels];
    private int row;
    private int firstOpen;

    /// <summary>Adds the next row, from top to bottom: uint8 [columns, channels].</summary>
    public void Add(ReadOnlySpan<byte> stored)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(stored.Length, columns.Samples * channels);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, rows.Samples);
        int[] samples = verticalFirst ? wide : narrow;
        if (verticalFirst)
        {
            TensorPrimitives.ConvertTruncating(stored, wide.AsSpan());
        }
        else
        {
            stored.CopyTo(padded);
            Narrow();
        }

        for (int o = firstOpen; o < rows.Size && rows.First(o) <= row; o++)
        {
            ReadOnlySpan<int> coefficients = rows.Coefficients(o);
            if (!open.TryGetValue(o, out int[]? sums))
            {
                open.Add(o, sums = new int[samples.Length]);
                sums.AsSpan().Fill(Half);
            }

            TensorPrimitives.MultiplyAdd(samples, coefficients[row - rows.First(o)], sums, sums);
            if (rows.First(o) + coefficients.Length - 1 == row)
            {
                Close(o, sums);
            }
        }

        row++;
    }

    /// <summary>The resized image, uint8 [rows, columns, channels].</summary>
    /// <exception cref="InvalidOperationException">Not all rows have been added.</exception>
    public byte[] ToPixels() => row == rows.Samples ? pixels : throw new InvalidOperationException($"{row} of {rows.Samples} rows were added.");

    /// <summary>Finishes an output row to which all input rows have been added.</summary>
    private void Close(int output, int[] sums)
    {
        open.Remove(output);
        firstOpen = output + 1;
        Span<byte> result = pixels.AsSpan(output * narrow.Length, narrow.Length);
        if (!verticalFirst)
        {
            ToBytes(sums, result);
            return;
        }

        ToBytes(sums, padded);
        Narrow();
        TensorPrimitives.ConvertTruncating<int, byte>(narrow, result);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void ToBytes(ReadOnlySpan<int> sums, Span<byte> bytes)
    {
        for (int i = 0; i < sums.Length; i++)
        {
            bytes[i] = ToByte(sums[i]);
        }
    }

    /// <summary>Resizes the row in <see cref="padded"/> to <see cref="narrow"/>.</summary>
    private void Narrow()
    {
        if (channels == 1)
        {
            NarrowGray();
        }
        else
        {
            NarrowColors();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // tiered compilation would optimize this loop too late for a single large image
    private void NarrowColors()
    {
        ref byte start = ref MemoryMarshal.GetArrayDataReference(padded);
        for (int o = 0, at = 0; o < columns.Size; o++, at += channels)
        {
            ref byte sample = ref Unsafe.Add(ref start, columns.First(o) * channels);
            Vector128<int> sum = Vector128.Create(Half);
            foreach (int coefficient in columns.Coefficients(o))
            {
                Vector128<byte> pixel = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<uint>(ref sample)).AsByte();
                sum += Vector128.WidenLower(Vector128.WidenLower(pixel)).AsInt32() * coefficient;
                sample = ref Unsafe.Add(ref sample, channels);
            }

            for (int c = 0; c < channels; c++)
            {
                narrow[at + c] = ToByte(sum[c]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void NarrowGray()
    {
        ref byte start = ref MemoryMarshal.GetArrayDataReference(padded);
        for (int o = 0; o < columns.Size; o++)
        {
            ReadOnlySpan<int> coefficients = columns.Coefficients(o);
            ref byte sample = ref Unsafe.Add(ref start, columns.First(o));
            Vector256<int> sums = Vector256<int>.Zero;
            int i = 0;
            for (; i <= coefficients.Length - Vector256<int>.Count; i += Vector256<int>.Count)
            {
                Vector128<byte> eight = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref sample, i))).AsByte();
                Vector128<ushort> wide = Vector128.WidenLower(eight);
                sums += Vector256.Create(Vector128.WidenLower(wide), Vector128.WidenUpper(wide)).AsInt32() * Vector256.Create(coefficients[i..]);
            }

            int sum = Half + Vector256.Sum(sums);
            for (; i < coefficients.Length; i++)
            {
                sum += coefficients[i] * Unsafe.Add(ref sample, i);
            }

            narrow[o] = ToByte(sum);
        }
    }

    private static byte ToByte(int sum) => (byte)Math.Clamp(sum >> ResamplingAxis.FractionBits, 0, 255);
}
