using System.Security.Cryptography;

namespace Lentigo.Training.Data;

/// <summary>The contents of a data set and its faults.</summary>
/// <param name="Format">The recognized format.</param>
/// <param name="Images">The readable images.</param>
/// <param name="Missing">Ids in the tables whose images are not on disk.</param>
/// <param name="Unlisted">The number of images on disk that no table names.</param>
/// <param name="Unreadable">Files that cannot be decoded, and why.</param>
/// <param name="SameBytes">Groups of images with identical files, as indices into the images; empty for a <c>.npz</c>, which has no files.</param>
/// <param name="SamePixels">Groups of images with identical pixels.</param>
internal sealed record DataSetInspection(
    string Format, LesionDataSet Images, IReadOnlyList<string> Missing, int Unlisted, IReadOnlyList<(string Path, string Reason)> Unreadable,
    IReadOnlyList<IReadOnlyList<int>> SameBytes, IReadOnlyList<IReadOnlyList<int>> SamePixels) : IDisposable
{
    /// <summary>Reads a data set in spite of faulty images.</summary>
    /// <inheritdoc cref="DataSets.Open"/>
    public static DataSetInspection Of(string path, string? table, string? format, int size, PixelCache? cache, Action<string> warn,
        IProgress<(long Done, long? Total)>? progress, CancellationToken cancellationToken = default)
    {
        if (DataSets.IsNpz(path))
        {
            LesionDataSet arrays = MedMnist.Read(path, size);
            return new("MedMNIST", arrays, [], 0, [], [], Groups(arrays.Count, arrays.PixelsOf));
        }

        DataSetFiles files = DataSetFiles.List(path, table, format);
        files.Notes.ToList().ForEach(warn);
        DecodedImages decoded = DecodedImages.Load(files.Images, size, cache, warn, progress, cancellationToken);
        (string, string)[] unreadable = [.. decoded.Unreadable.Select(u => (files.Images[u.Index].Path, u.Reason))];
        if (unreadable.Length == files.Images.Count)
        {
            decoded.Pixels.Dispose();
            throw new DataSetException($"None of the {unreadable.Length} images in {path} can be decoded; the first: {unreadable[0].Item1} "
                + $"({unreadable[0].Item2})");
        }

        string[] paths = [.. files.Images.Index().Where(f => decoded.Unreadable.All(u => u.Index != f.Index)).Select(f => f.Item.Path)];
        LesionDataSet images = decoded.ToDataSet(files,
            () => DecodedImages.Load(files.Images, PictureCopies.Size, cache, warn, progress: null, cancellationToken).ToDataSet(files));
        return new(files.Format, images, files.Missing, files.Unlisted, unreadable, Groups(images.Count, i => File.ReadAllBytes(paths[i])),
            Groups(images.Count, images.PixelsOf));
    }

    /// <inheritdoc/>
    public void Dispose() => Images.Dispose();

    private static IReadOnlyList<IReadOnlyList<int>> Groups(int count, Func<int, byte[]> contentOf)
    {
        string[] hashes = new string[count];
        Parallel.For(0, count, i => hashes[i] = Convert.ToHexString(SHA256.HashData(contentOf(i))));
        return [.. Enumerable.Range(0, count).GroupBy(i => hashes[i]).Where(g => g.Skip(1).Any()).Select(g => g.ToArray())];
    }
}
