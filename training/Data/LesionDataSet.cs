using System.Security.Cryptography;
using System.Text;
using Lentigo.Core;
using Lentigo.Core.Models;
using static TorchSharp.torch;

namespace Lentigo.Training.Data;

/// <summary>One image of a data set, without its pixels.</summary>
/// <param name="Id">The image's name, unique in the data set.</param>
/// <param name="Label">The class, 0 to 6, or -1 for an unlabeled image.</param>
/// <param name="Lesion">The lesion id; null where the data set has none.</param>
/// <param name="Stratum">The original resolution: <c>220</c> for a square image, <c>600x450</c> for another.</param>
/// <param name="Subset">The subset that the data set assigns: <c>train</c>, <c>val</c> or <c>test</c>; null where it assigns none.</param>
/// <param name="Weight">How often the image is sampled per epoch: 1 is once (see <see cref="DataLocation.Weight"/>).</param>
internal sealed record LesionRecord(string Id, int Label, string? Lesion, string Stratum, string? Subset = null, double Weight = 1)
{
    /// <summary>Further attributes; null where the data set has none.</summary>
    public LesionAttributes? Attributes { get; init; }

    /// <summary>The lesion id, or the image id where the lesion is unknown.</summary>
    public string LesionOrId => Lesion ?? Id;

    /// <summary>The original data set where several were combined; otherwise null.</summary>
    public string? Source { get; init; }
}

/// <summary>Images decoded to the input size, with their labels.</summary>
internal sealed class LesionDataSet : IDisposable
{
    private string? _fingerprint;
    private IReadOnlyList<int[]>? _copies;

    /// <summary>Takes ownership of the pixels.</summary>
    /// <param name="name">The name for messages and the manifest.</param>
    /// <param name="records">The n images.</param>
    /// <param name="pixels">uint8 [n, s, s, 3] RGB on the CPU.</param>
    public LesionDataSet(string name, IReadOnlyList<LesionRecord> records, Tensor pixels)
    {
        if (records.Count != pixels.shape[0])
        {
            throw new ArgumentException($"{records.Count} records, but pixels of {pixels.shape[0]} images.", nameof(pixels));
        }

        Name = name;
        Records = records;
        Pixels = pixels;
    }

    /// <summary>The name for messages and the manifest.</summary>
    public string Name { get; }

    /// <summary>The images.</summary>
    public IReadOnlyList<LesionRecord> Records { get; }

    /// <summary>uint8 [n, s, s, 3] RGB on the CPU.</summary>
    public Tensor Pixels { get; }

    /// <summary>The number of images, n.</summary>
    public int Count => Records.Count;

    /// <summary>The side of the images in pixels, s.</summary>
    public int Size => (int)Pixels.shape[1];

    /// <summary>Whether every image has a label.</summary>
    public bool IsLabeled => Count > 0 && Records.All(r => r.Label >= 0);

    /// <summary>The strata that hold images, the largest first.</summary>
    public IReadOnlyList<string> Strata =>
        [.. Records.GroupBy(r => r.Stratum).OrderByDescending(g => g.Count()).ThenBy(g => g.Key, StringComparer.Ordinal).Select(g => g.Key)];

    /// <summary>SHA-256 over the images sorted by id: id, label and decoded pixels.</summary>
    public string Fingerprint => _fingerprint ??= ComputeFingerprint();

    /// <summary>
    /// Groups of images that are copies of one picture, as ascending indices: identical, cropped or recompressed. They are the same whatever size the
    /// images were
    /// decoded to, or a split would depend on it.
    /// </summary>
    public IReadOnlyList<int[]> Copies
    {
        get => _copies ??= FindCopies();
        init => _copies = value;
    }

    /// <summary>Reads the same images at <see cref="PictureCopies.Size"/>, to find copies; null where <see cref="Pixels"/> are all there is.</summary>
    internal Func<LesionDataSet>? ReadForComparison { get; init; }

    /// <summary>The combined sources; null for a single data set.</summary>
    public IReadOnlyList<ModelSource>? JoinedFrom { get; init; }

    /// <summary>The same images, sampled more or less often than once per epoch; takes ownership of the pixels.</summary>
    public LesionDataSet Weighed(double weight) => weight == 1 ? this
        : new(Name, [.. Records.Select(r => r with { Weight = weight })], Pixels) { _fingerprint = _fingerprint, _copies = _copies,
        ReadForComparison = ReadForComparison };

    /// <summary>The number of images with each label among these indices.</summary>
    public int[] ClassCounts(IEnumerable<int> indices)
    {
        int[] counts = new int[LesionClasses.Count];
        foreach (int i in indices)
        {
            counts[Records[i].Label]++;
        }

        return counts;
    }

    /// <summary>The pixels of one image, s * s * 3 bytes.</summary>
    public byte[] PixelsOf(int index)
    {
        using Tensor row = Pixels[index];
        return row.bytes.ToArray();
    }

    /// <inheritdoc/>
    public void Dispose() => Pixels.Dispose();

    private IReadOnlyList<int[]> FindCopies()
    {
        if (ReadForComparison is null || Size == PictureCopies.Size)
        {
            return PictureCopies.Of(this);
        }

        using LesionDataSet compared = ReadForComparison();
        return PictureCopies.Of(compared);
    }

    private string ComputeFingerprint()
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (int i in Enumerable.Range(0, Count).OrderBy(i => Records[i].Id, StringComparer.Ordinal))
        {
            hash.AppendData(Encoding.UTF8.GetBytes($"{Records[i].Id}\n{Records[i].Label}\n"));
            hash.AppendData(PixelsOf(i));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
