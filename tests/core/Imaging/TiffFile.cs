using System.Buffers.Binary;

namespace Lentigo.Core.Tests.Imaging;

/// <summary>Writes uncompressed TIFF files with samples of any kind, which image libraries do not.</summary>
internal static class TiffFile
{
    private const int Short = 3, Long = 4;

    /// <summary>A file of one or more pages of the same image.</summary>
    /// <param name="samples">The bytes of [height, width, bands] samples in the file's byte order.</param>
    /// <param name="width">The width in pixels.</param>
    /// <param name="height">The height in pixels.</param>
    /// <param name="bands">Samples a pixel.</param>
    /// <param name="photometric">PhotometricInterpretation.</param>
    /// <param name="bits">BitsPerSample, 8 or more.</param>
    /// <param name="format">SampleFormat.</param>
    /// <param name="extra">ExtraSamples, or null for no such tag.</param>
    /// <param name="isBig">Whether numbers begin with the most significant byte.</param>
    /// <param name="isPlanar">Whether each band is a plane of its own.</param>
    /// <param name="tile">The side of square tiles, or 0 for one strip.</param>
    /// <param name="compression">Compression.</param>
    /// <param name="pages">How often the image is in the file.</param>
    public static byte[] Write(
        byte[] samples, int width, int height, int bands, int photometric, int bits = 8, int format = 1, int[]? extra = null, bool isBig = false,
        bool isPlanar = false, int tile = 0,
        int compression = 1, int pages = 1)
    {
        MemoryStream file = new();
        file.Write(isBig ? "MM\0*"u8 : "II*\0"u8);
        Put(Long, 8);
        for (int page = 1; page <= pages; page++)
        {
            List<byte[]> blocks = Blocks(samples, width, height, bands, bits / 8, isPlanar, tile);
            SortedDictionary<int, (int Type, int[] Values)> tags = new()
            {
                [256] = (Long, [width]),
                [257] = (Long, [height]),
                [258] = (Short, [.. Enumerable.Repeat(bits, bands)]),
                [259] = (Short, [compression]),
                [262] = (Short, [photometric]),
                [277] = (Short, [bands]),
                [284] = (Short, [isPlanar ? 2 : 1]),
                [339] = (Short, [.. Enumerable.Repeat(format, bands)]),
            };
            if (extra is not null)
            {
                tags[338] = (Short, extra);
            }

            if (tile > 0)
            {
                tags[322] = tags[323] = (Short, [tile]);
            }
            else
            {
                tags[278] = (Long, [height]);
            }

            (int offsets, int counts) = tile > 0 ? (324, 325) : (273, 279);
            tags[offsets] = tags[counts] = (Long, new int[blocks.Count]);
            int start = (int)file.Position, values = start + 2 + (12 * tags.Count) + 4;
            int data = values + tags.Values.Select(Bytes).Where(b => b > 4).Sum();
            tags[offsets] = (Long, [.. blocks.Select((_, i) => data + blocks.Take(i).Sum(b => b.Length))]);
            tags[counts] = (Long, [.. blocks.Select(b => b.Length)]);
            Put(Short, tags.Count);
            foreach ((int tag, (int type, int[] own)) in tags)
            {
                Put(Short, tag, type);
                Put(Long, own.Length);
                long next = file.Position + 4;
                if (Bytes((type, own)) > 4)
                {
                    Put(Long, values);
                    file.Position = values;
                    values += Bytes((type, own));
                }

                Put(type, own);
                file.Position = next;
            }

            int end = data + blocks.Sum(b => b.Length);
            Put(Long, page < pages ? end : 0);
            file.Position = data;
            blocks.ForEach(b => file.Write(b));
        }

        return file.ToArray();

        static int Bytes((int Type, int[] Values) tag) => tag.Values.Length * (tag.Type == Short ? 2 : 4);

        void Put(int type, params int[] numbers)
        {
            Span<byte> bytes = stackalloc byte[4];
            foreach (int number in numbers)
            {
                if (isBig)
                {
                    BinaryPrimitives.WriteInt32BigEndian(bytes, type == Short ? number << 16 : number);
                }
                else
                {
                    BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
                }

                file.Write(bytes[..(type == Short ? 2 : 4)]);
            }
        }
    }

    private static List<byte[]> Blocks(byte[] samples, int width, int height, int bands, int sampleBytes, bool isPlanar, int tile)
    {
        List<byte[]> blocks = [];
        int pixel = bands * sampleBytes;
        if (isPlanar)
        {
            blocks.AddRange(Enumerable.Range(0, bands)
                .Select(b => Enumerable.Range(0, width * height).SelectMany(i => samples[((i * pixel) + (b * sampleBytes))..][..sampleBytes]).ToArray()));
        }
        else if (tile == 0)
        {
            blocks.Add(samples);
        }
        else
        {
            for (int top = 0; top < height; top += tile)
            {
                for (int left = 0; left < width; left += tile)
                {
                    byte[] block = new byte[tile * tile * pixel];
                    for (int y = 0; y < Math.Min(tile, height - top); y++)
                    {
                        samples.AsSpan((((top + y) * width) + left) * pixel, Math.Min(tile, width - left) * pixel).CopyTo(block.AsSpan(y * tile * pixel));
                    }

                    blocks.Add(block);
                }
            }
        }

        return blocks;
    }
}
