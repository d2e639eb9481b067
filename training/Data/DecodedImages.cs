using System.Collections.Concurrent;
using Lentigo.Core.Imaging;
using static TorchSharp.torch;

namespace Lentigo.Training.Data;

/// <summary>The decoded pixels of image files, and the files that could not be read.</summary>
/// <param name="Pixels">uint8 [n, s, s, 3] RGB on the CPU; zero for an unreadable image.</param>
/// <param name="Sizes">The original width and height of each image.</param>
/// <param name="Unreadable">The unreadable images, by index, with the reason.</param>
internal sealed record DecodedImages(Tensor Pixels, IReadOnlyList<(int Width, int Height)> Sizes, IReadOnlyList<(int Index, string Reason)> Unreadable)
{
    /// <summary>Reads the images from the cache, or decodes them in parallel and caches them if all are readable.</summary>
    /// <inheritdoc cref="DataSets.Open"/>
    public static DecodedImages Load(
        IReadOnlyList<ImageFile> files, int size, PixelCache? cache, Action<string> warn, IProgress<(long Done, long? Total)>? progress,
            CancellationToken cancellationToken)
    {
        if (files.Count == 0)
        {
            throw new DataSetException("The data set holds no images. Check --data.");
        }

        string key = cache is null ? "" : PixelCache.KeyOf(files, size);
        if (cache?.TryRead(key, files.Count, size, warn) is { } kept)
        {
            return kept;
        }

        DecodedImages decoded = Decode(files, size, progress, cancellationToken);
        if (decoded.Unreadable.Count == 0)
        {
            cache?.Write(key, decoded, warn);
        }

        return decoded;
    }

    /// <summary>The readable images as a data set.</summary>
    /// <param name="files">The files of the images.</param>
    /// <param name="again">Reads the images at the size at which copies are found.</param>
    public LesionDataSet ToDataSet(DataSetFiles files, Func<LesionDataSet>? again = null)
    {
        LesionRecord[] records = [.. files.Images.Zip(Sizes,
            (f, s) => new LesionRecord(f.Id, f.Label, f.Lesion, s.Width == s.Height ? $"{s.Width}" : $"{s.Width}x{s.Height}",
            f.Subset) { Attributes = f.Attributes })];
        if (Unreadable.Count == 0)
        {
            return new(files.Name, records, Pixels) { ReadForComparison = again };
        }

        int[] readable = [.. Enumerable.Range(0, records.Length).Except(Unreadable.Select(u => u.Index))];
        using Tensor indices = tensor([.. readable.Select(i => (long)i)], dtype: ScalarType.Int64);
        Tensor kept = Pixels.index_select(0, indices);
        Pixels.Dispose();
        return new(files.Name, [.. readable.Select(i => records[i])], kept) { ReadForComparison = again };
    }

    private static DecodedImages Decode(IReadOnlyList<ImageFile> files, int size, IProgress<(long Done, long? Total)>? progress,
        CancellationToken cancellationToken)
    {
        Tensor pixels = zeros([files.Count, size, size, 3], dtype: ScalarType.Byte);
        (int, int)[] sizes = new (int, int)[files.Count];
        ConcurrentBag<(int Index, string Reason)> unreadable = [];
        int done = 0;
        Parallel.For(0, files.Count, new ParallelOptions { CancellationToken = cancellationToken }, i =>
        {
            try
            {
                byte[] file = File.ReadAllBytes(files[i].Path);
                DecodedImage decoded = LesionImage.Read(file, size, new ImageLimits(), cancellationToken);
                using Tensor row = pixels[i];
                decoded.Pixels.CopyTo(row.bytes);
                sizes[i] = (decoded.Width, decoded.Height);
            }
            catch (Exception e) when (e is ImageRejectedException or IOException or UnauthorizedAccessException)
            {
                unreadable.Add((i, e.Message));
            }

            progress?.Report((Interlocked.Increment(ref done), files.Count));
        });
        return new(pixels, sizes, [.. unreadable.OrderBy(u => u.Index)]);
    }
}
