using System.Security.Cryptography;
using System.Text;
using Lentigo.Core.Storage;

namespace Lentigo.Training.Data;

/// <summary>How a data set is split into training and validation images.</summary>
internal enum SplitKind
{
    /// <summary>By lesion: neither a lesion nor copies of one picture are on both sides. By image where the data set has no lesion ids.</summary>
    Lesion,

    /// <summary>By image, as in the paper: photographs of one lesion may be on both sides.</summary>
    Image,

    /// <summary>As the data set defines it.</summary>
    Official,

    /// <summary>As a CSV defines it.</summary>
    File,
}

/// <summary>Training and validation images, as indices into a data set.</summary>
/// <param name="Kind">How they were split.</param>
/// <param name="Train">The training images, ascending.</param>
/// <param name="Val">The validation images, ascending.</param>
/// <param name="Fingerprint">SHA-256 over the sorted image ids and their subset.</param>
internal sealed record DataSetSplit(SplitKind Kind, IReadOnlyList<int> Train, IReadOnlyList<int> Val, string Fingerprint)
{
    /// <summary>The kind as the manifest names it.</summary>
    public string KindName => Kind switch { SplitKind.Lesion => "lesion", SplitKind.Image => "image", SplitKind.Official => "official", _ => "file" };

    /// <summary>
    /// Splits a data set, stratified by class and resolution. Fold <paramref name="fold"/> of <paramref name="folds"/> is the validation side, so that
    /// 5 folds give 80 % and 20 %. Test images of the data set are on neither side.
    /// </summary>
    /// <param name="data">The data set; every image has a label.</param>
    /// <param name="kind">How to split.</param>
    /// <param name="seed">The same seed gives the same split.</param>
    /// <param name="folds">The number of folds, at least 2.</param>
    /// <param name="fold">The fold to validate on, from 0.</param>
    /// <exception cref="DataSetException">One side would be empty.</exception>
    public static DataSetSplit Make(LesionDataSet data, SplitKind kind, int seed, int folds = 5, int fold = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 2);
        ArgumentOutOfRangeException.ThrowIfNegative(fold);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(fold, folds);
        if (kind is SplitKind.Official)
        {
            return Of(data, kind, [.. data.Records.Select(r => r.Subset switch { "train" => true, "val" => false, _ => (bool?)null })]);
        }

        bool together = kind is SplitKind.Lesion;
        if (together && data.Records.All(r => r.Lesion is null))
        {
            kind = SplitKind.Image;
        }

        // A group stays on one side: the images of a lesion, or a single image.
        var groups = Enumerable.Range(0, data.Count)
            .Where(i => data.Records[i].Subset != "test")
            .GroupBy(i => kind is SplitKind.Lesion && data.Records[i].Lesion is { } lesion ? "lesion " + lesion : "image " + data.Records[i].Id)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => g.ToArray())
            .ToArray();
        int?[] folded = new int?[data.Count];
        Random random = new(seed);
        foreach (var stratum in groups.GroupBy(g => (data.Records[g[0]].Label, data.Records[g[0]].Stratum)).OrderBy(s => s.Key.Label)
            .ThenBy(s => s.Key.Stratum, StringComparer.Ordinal))
        {
            int[][] shuffled = [.. stratum];
            random.Shuffle(shuffled);
            int total = shuffled.Sum(g => g.Length), placed = 0;
            double start = random.NextDouble() * folds; // otherwise small strata would all miss the same folds
            foreach (int[] group in shuffled)
            {
                // Line up the images of the stratum; the fold is that of the middle of the group.
                int at = (int)(start + ((placed + (group.Length / 2.0)) * folds / total)) % folds;
                placed += group.Length;
                foreach (int i in group)
                {
                    folded[i] = at;
                }
            }
        }

        if (together)
        {
            KeepTogether(data, groups, folded);
        }

        return Of(data, kind, [.. folded.Select(at => at is null ? (bool?)null : at != fold)]);
    }

    /// <summary>
    /// The leaks between the two sides: the number of lesions, and the groups of copies of one picture. Leaks make validation metrics too optimistic.
    /// </summary>
    public (int Lesions, IReadOnlyList<int[]> Copies) Leaks(LesionDataSet data)
    {
        HashSet<int> train = [.. Train], val = [.. Val];
        return (
            Train.Select(i => data.Records[i].Lesion).OfType<string>().Intersect(Val.Select(i => data.Records[i].Lesion).OfType<string>()).Count(),
            [.. data.Copies.Where(g => g.Any(train.Contains) && g.Any(val.Contains))]);
    }

    /// <summary>Moves lesions that share copies of a picture into the fold of the first of them.</summary>
    private static void KeepTogether(LesionDataSet data, int[][] groups, int?[] folded)
    {
        if (data.Copies.Count == 0)
        {
            return;
        }

        DisjointSets sets = new(data.Count);
        foreach (int[] group in groups.Concat(data.Copies))
        {
            foreach (int i in group)
            {
                sets.Join(group[0], i);
            }
        }

        Dictionary<int, int> foldOf = [];
        foreach (int i in groups.SelectMany(g => g))
        {
            foldOf.TryAdd(sets.Root(i), folded[i]!.Value);
            folded[i] = foldOf[sets.Root(i)];
        }
    }

    /// <summary>The fold from 1 in which each image is validated; null for a single split.</summary>
    public static IReadOnlyDictionary<int, int>? FoldsOf(IReadOnlyList<DataSetSplit> splits)
    {
        return splits.Count == 1 ? null : splits.SelectMany((s, i) => s.Val.Select(image => (image, fold: i + 1))).ToDictionary(v => v.image, v => v.fold);
    }

    /// <summary>The fingerprint of a single split, or SHA-256 over those of the folds.</summary>
    public static string FingerprintOf(IReadOnlyList<DataSetSplit> splits)
    {
        return splits.Count == 1 ? splits[0].Fingerprint
            : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', splits.Select(s => s.Fingerprint)))));
    }

    /// <summary>
    /// Reads the split that <see cref="Save"/> wrote, or any CSV with the columns <c>image_id, subset</c> and the subsets <c>train, val, test</c>.
    /// </summary>
    /// <param name="path">The CSV.</param>
    /// <param name="data">The data set; images that the CSV leaves out or assigns to <c>test</c> are on neither side.</param>
    /// <param name="warn">Receives warnings about images that are left out, and about leaks.</param>
    /// <param name="allowLeaks">Whether to accept leaks between the two sides.</param>
    /// <exception cref="DataSetException">The CSV is damaged, names unknown images, leaves a side empty, or has leaks.</exception>
    public static DataSetSplit Read(string path, LesionDataSet data, Action<string> warn, bool allowLeaks = false)
    {
        Dictionary<string, int> indices = Enumerable.Range(0, data.Count).ToDictionary(i => data.Records[i].Id, StringComparer.Ordinal);
        CsvTable table = CsvTable.Read(path, "image_id", "a split", "subset");
        // Names with an extension, or with backslashes, mean the same image.
        foreach ((string id, int i) in indices.ToArray())
        {
            indices.TryAdd(ImageNames.Of(id), i);
        }

        string IdOf(CsvRow row) => row["image_id"]! is var id && indices.ContainsKey(id) ? id : ImageNames.Of(id) is var name && indices.ContainsKey(name)
            ? name : ImageNames.Stem(name);
        string[] unknown = [.. table.Rows.Where(r => !indices.ContainsKey(IdOf(r))).Select(r => r["image_id"]!)];
        if (unknown.Length > 0)
        {
            throw new DataSetException(
                $"{path} names {unknown.Length} images that are not in {data.Name} (the first: {string.Join(", ", unknown.Take(5))}). It is the split of "
                    + "another data set, or images are missing; save a new one with 'data split'.");
        }

        bool?[] train = new bool?[data.Count];
        foreach (CsvRow row in table.Rows)
        {
            train[indices[IdOf(row)]] = row["subset"] switch
            {
                "train" => true,
                "val" => false,
                "test" => null,
                string other => throw new DataSetException($"{path}, line {row.Line}: the subset '{other}' of image {row["image_id"]} is not one of train, "
                    + "val, test."),
                null => throw new DataSetException($"{path}, line {row.Line}: image {row["image_id"]} has no subset; write train, val or test."),
            };
        }

        if (data.Count > table.Rows.Count)
        {
            warn($"{data.Count - table.Rows.Count} images of {data.Name} are not in {path}; they are neither trained nor validated on.");
        }

        DataSetSplit split = Of(data, SplitKind.File, train);
        (int lesions, IReadOnlyList<int[]> copies) = split.Leaks(data);
        if (lesions > 0 || copies.Count > 0)
        {
            string[] leaks = [.. lesions > 0 ? [$"{lesions} lesions"] : Array.Empty<string>(),
                .. copies.Count > 0 ? [$"{copies.Count} pictures (the first: {string.Join(" = ", copies[0].Select(i => data.Records[i].Id))})"]
                : Array.Empty<string>()];
            string leak = $"{string.Join(" and ", leaks)} have images on both sides of {path}: validation metrics would be too optimistic.";
            if (!allowLeaks)
            {
                throw new DataSetException($"{leak} Move each to one side, or create a split with 'data split'; to use this one anyway, write --allow-leaks.");
            }

            warn(leak);
        }

        return split;
    }

    /// <summary>Writes the split as a CSV with the columns <c>image_id, subset</c>, sorted by image, atomically.</summary>
    /// <param name="path">The CSV.</param>
    /// <param name="data">The data set that was split.</param>
    public void Save(string path, LesionDataSet data)
    {
        StringBuilder csv = new("image_id,subset\n");
        foreach ((string id, string subset) in Train.Select(i => (data.Records[i].Id, "train")).Concat(Val.Select(i => (data.Records[i].Id, "val")))
            .OrderBy(r => r.Id, StringComparer.Ordinal))
        {
            csv.Append(id.AsSpan().ContainsAny(",\"\n") ? $"\"{id.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : id).Append(',').Append(subset)
                .Append('\n');
        }

        AtomicFile.Write(path, csv.ToString());
    }

    private static DataSetSplit Of(LesionDataSet data, SplitKind kind, bool?[] train)
    {
        int[] trained = [.. Enumerable.Range(0, data.Count).Where(i => train[i] == true)];
        int[] validated = [.. Enumerable.Range(0, data.Count).Where(i => train[i] == false)];
        if (trained.Length < 2 || validated.Length == 0)
        {
            throw new DataSetException(kind is SplitKind.File
                ? $"The split's file puts {trained.Length} images of {data.Name} into 'train' and {validated.Length} into 'val'; at least two and one are "
                    + "needed."
                : kind is SplitKind.Official
                ? $"The data set {data.Name} has {trained.Length} images in its 'train' subset and {validated.Length} of 'val'; both are needed. Split it with "
                    + "--split lesion or --split image."
                : $"The data set {data.Name} has too few images ({data.Count}) to split: {trained.Length} to train on, {validated.Length} to validate on.");
        }

        StringBuilder lines = new();
        foreach (int i in Enumerable.Range(0, data.Count).Where(i => train[i] is not null).OrderBy(i => data.Records[i].Id, StringComparer.Ordinal))
        {
            lines.Append(data.Records[i].Id).Append(',').Append(train[i] == true ? "train" : "val").Append('\n');
        }

        return new(kind, trained, validated, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(lines.ToString()))));
    }
}
