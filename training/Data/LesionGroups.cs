using System.Collections.Concurrent;

namespace Lentigo.Training.Data;

/// <summary>
/// Groups the images of several sources by lesion: images with the same lesion id or image id, and copies of one picture (<see cref="PerceptualHash"/>).
/// A group must not be on both sides of a split.
/// </summary>
internal sealed class LesionGroups
{
    private readonly int[] _starts;
    private readonly DisjointSets _sets;
    private readonly HashSet<int> _copies = [];

    private LesionGroups(IReadOnlyList<LesionDataSet> sources)
    {
        _starts = new int[sources.Count];
        for (int s = 1; s < sources.Count; s++)
        {
            _starts[s] = _starts[s - 1] + sources[s - 1].Count;
        }

        _sets = new(sources.Sum(s => s.Count));
    }

    /// <summary>Groups the images of sources that were decoded to one size.</summary>
    /// <param name="sources">The sources.</param>
    /// <param name="otherCopies">
    /// How many of the first sources may hold an image of the others under the same id with other pixels, as where one is validated on in full resolution and
    /// its
    /// small copies are trained on.
    /// </param>
    /// <param name="warn">Receives messages about overlaps of sources and missing lesion ids.</param>
    /// <exception cref="DataSetException">Two sources have different images with the same id.</exception>
    public static LesionGroups Of(IReadOnlyList<LesionDataSet> sources, int otherCopies, Action<string> warn)
    {
        LesionGroups groups = new(sources);
        for (int s = 0; s < sources.Count; s++)
        {
            int without = sources[s].Records.Count(r => r.Lesion is null);
            if (without > 0 && sources.Count > 1)
            {
                warn($"{(without == sources[s].Count ? $"{sources[s].Name} has no lesion ids" : $"{without} images of {sources[s].Name} have no lesion id")}: "
                    + "each of them counts as a lesion of its own, so photographs of one lesion may stand on both sides of the split.");
            }

            foreach (IGrouping<string, int> lesion in Enumerable.Range(0, sources[s].Count).Where(i => sources[s].Records[i].Lesion is not null).ToArray()
                .GroupBy(i => sources[s].Records[i].Lesion!))
            {
                groups.Link(s, [.. lesion]);
            }
        }

        ulong[][][] hashes = sources.Count > 1 ? [.. sources.Select(Hashes)] : [];
        for (int a = 0; a < sources.Count; a++)
        {
            for (int b = a + 1; b < sources.Count; b++)
            {
                groups.LinkIds(sources, a, b, mayDiffer: a < otherCopies, warn);
                groups.LinkLesions(sources, a, b, warn);
                groups.LinkPictures(sources, hashes, a, b, warn);
            }
        }

        return groups;
    }

    /// <summary>The number of the group of an image.</summary>
    public int Of(int source, int image) => _sets.Root(_starts[source] + image);

    /// <summary>Whether an earlier source has the same image, by id and pixels.</summary>
    public bool IsCopy(int source, int image) => _copies.Contains(_starts[source] + image);

    private static ulong[][] Hashes(LesionDataSet source)
    {
        ulong[][] hashes = new ulong[source.Count][];
        Parallel.For(0, hashes.Length, i => hashes[i] = PerceptualHash.Of(source.PixelsOf(i), source.Size));
        return hashes;
    }

    private void LinkIds(IReadOnlyList<LesionDataSet> sources, int a, int b, bool mayDiffer, Action<string> warn)
    {
        Dictionary<string, int> first = sources[a].Records.Index().ToDictionary(r => r.Item.Id, r => r.Index, StringComparer.Ordinal);
        (int A, int B)[] shared = [.. sources[b].Records.Index().Where(r => first.ContainsKey(r.Item.Id)).Select(r => (first[r.Item.Id], r.Index))];
        if (shared.Length == 0)
        {
            return;
        }

        foreach ((int i, int j) in shared)
        {
            Link(_starts[a] + i, _starts[b] + j);
        }

        if (mayDiffer)
        {
            return;
        }

        int[] other = [.. shared.Where(p => !sources[a].PixelsOf(p.A).AsSpan().SequenceEqual(sources[b].PixelsOf(p.B))).Select(p => p.B)];
        if (other.Length > 0)
        {
            throw new DataSetException(
                $"{other.Length} image ids are in both {sources[a].Name} and {sources[b].Name}, but with other pixels (the first: "
                    + $"{string.Join(", ", other.Take(5).Select(i => sources[b].Records[i].Id))}). "
                + "Rename the images of one of the sources if they are other images, or leave that source out if they are copies.");
        }

        Array.ForEach(shared, p => _copies.Add(_starts[b] + p.B));
        warn($"{shared.Length} images of {sources[b].Name} are in {sources[a].Name} too, pixel by pixel; they are used once.");
    }

    private void LinkLesions(IReadOnlyList<LesionDataSet> sources, int a, int b, Action<string> warn)
    {
        Dictionary<string, int> first = [];
        foreach ((int i, LesionRecord record) in sources[a].Records.Index().Where(r => r.Item.Lesion is not null))
        {
            first.TryAdd(record.Lesion!, i);
        }

        (string Lesion, int A, int B)[] shared =
            [.. sources[b].Records.Index().Where(r => r.Item.Lesion is not null && first.ContainsKey(r.Item.Lesion))
                .Select(r => (r.Item.Lesion!, first[r.Item.Lesion!], r.Index))];
        foreach ((_, int i, int j) in shared)
        {
            Link(_starts[a] + i, _starts[b] + j);
        }

        if (shared.Length > 0)
        {
            string[] lesions = [.. shared.Select(l => l.Lesion).Distinct()];
            warn($"{lesions.Length} lesion ids are in both {sources[a].Name} and {sources[b].Name} (the first: {lesions[0]}): they are taken as the same "
                + "lesions, which stay on one side of the split.");
        }
    }

    private void LinkPictures(IReadOnlyList<LesionDataSet> sources, ulong[][][] hashes, int a, int b, Action<string> warn)
    {
        ConcurrentBag<(int A, int B)> found = [];
        Parallel.For(0, hashes[b].Length, j =>
        {
            for (int i = 0; i < hashes[a].Length; i++)
            {
                if (PerceptualHash.AreNear(hashes[a][i], hashes[b][j]))
                {
                    found.Add((i, j));
                }
            }
        });

        // Overlaps that the ids already show are not reported again.
        (int A, int B)[] copies = [.. found.Where(p => Of(a, p.A) != Of(b, p.B)).OrderBy(p => p.B).ThenBy(p => p.A)];
        foreach ((int i, int j) in copies)
        {
            Link(_starts[a] + i, _starts[b] + j);
        }

        if (copies.Length > 0)
        {
            int classes = copies.Count(p => sources[a].Records[p.A].Label != sources[b].Records[p.B].Label);
            warn($"{copies.Select(p => p.B).Distinct().Count()} images of {sources[b].Name} show what an image of {sources[a].Name} shows (the first: "
                + $"{sources[b].Records[copies[0].B].Id} = {sources[a].Records[copies[0].A].Id}): "
                + $"each such pair counts as one lesion{(classes > 0 ? $"; {classes} of the pairs have two classes" : "")}.");
        }
    }

    private void Link(int source, int[] images) => Array.ForEach(images, i => Link(_starts[source] + images[0], _starts[source] + i));

    private void Link(int a, int b) => _sets.Join(a, b);
}
