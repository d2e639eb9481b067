using Lentigo.Core;
using Lentigo.Core.Models;
using static TorchSharp.torch;

namespace Lentigo.Training.Data;

/// <summary>
/// The images of one stage of training: those of the data set that is validated on, split, and those of sources that are only trained on. Of the latter, images
/// of
/// lesions that stand among the validation images are left out.
/// </summary>
internal sealed class TrainingImages : IDisposable
{
    private TrainingImages(LesionDataSet data, DataSetSplit split, LesionDataSet validated, IReadOnlyList<ModelSource> sources)
    {
        Data = data;
        Split = split;
        Validated = validated;
        Sources = sources;
    }

    /// <summary>The images of all sources; those of <see cref="Validated"/> come first.</summary>
    public LesionDataSet Data { get; }

    /// <summary>
    /// The images trained and validated on, as indices into <see cref="Data"/>; its fingerprint is that of the split of <see cref="Validated"/>.
    /// </summary>
    public DataSetSplit Split { get; }

    /// <summary>The data set that is validated on.</summary>
    public LesionDataSet Validated { get; }

    /// <summary>Every source with its fingerprint and part.</summary>
    public IReadOnlyList<ModelSource> Sources { get; }

    /// <summary>[7]: the share of each class among the images of the data set that is validated on.</summary>
    public IReadOnlyList<double> Prior => PriorOf(Validated);

    /// <summary>Joins the sources that are validated on into one data set; images that show one lesion get one lesion id.</summary>
    /// <param name="sources">The sources, decoded to one size; taken over.</param>
    /// <param name="warn">Told what two sources share.</param>
    /// <exception cref="DataSetException">Two sources have an image id in common whose pixels differ.</exception>
    public static LesionDataSet Join(IReadOnlyList<LesionDataSet> sources, Action<string> warn)
    {
        if (sources.Count == 1)
        {
            return sources[0];
        }

        LesionGroups groups = LesionGroups.Of(sources, otherCopies: 0, warn);
        (int Source, int Image)[] kept =
            [.. sources.Index().SelectMany(s => Enumerable.Range(0, s.Item.Count).Select(i => (s.Index, i))).Where(p => !groups.IsCopy(p.Index, p.i))];
        Dictionary<int, string> names = [];
        LesionRecord[] records = [.. kept.Select(p =>
        {
            LesionRecord record = sources[p.Source].Records[p.Image];
            int group = groups.Of(p.Source, p.Image);
            names.TryAdd(group, record.Lesion ?? $"{sources[p.Source].Name}/{record.Id}");
            return record with { Lesion = names[group], Source = sources[p.Source].Name };
        })];
        LesionDataSet joined = new(string.Join(" + ", sources.Select(s => s.Name)), records,
            Concatenated([.. sources.Select((s, k) => (s, kept.Where(p => p.Source == k).Select(p => p.Image).ToArray()))]))
        {
            Copies = [.. sources.SelectMany((s, k) => s.Copies.Select(g => g.Select(i => Array.IndexOf(kept, (k, i))).Where(i => i >= 0).ToArray()))
                .Where(g => g.Length > 1)],
            JoinedFrom = [.. sources.Select((s, k) => SourceOf(s, ModelSource.Validated, s.Count - kept.Count(p => p.Source == k)))],
        };
        foreach (LesionDataSet source in sources)
        {
            source.Dispose();
        }

        return joined;
    }

    /// <summary>Adds sources that are only trained on.</summary>
    /// <param name="validated">The data set that is split and validated on; taken over.</param>
    /// <param name="split">Its split.</param>
    /// <param name="more">The other sources, decoded to the same size; taken over.</param>
    /// <param name="warn">Told what two sources share and what is left out.</param>
    /// <exception cref="DataSetException">Two sources have an image id in common whose pixels differ, or images have no label.</exception>
    public static TrainingImages Of(LesionDataSet validated, DataSetSplit split, IReadOnlyList<LesionDataSet> more, Action<string> warn) =>
        Combine(validated, split, split.Train, more, ModelSource.Validated, ModelSource.Train, warn);

    /// <summary>
    /// The images of a first training: the training images come from other sources alone, the validation images are those of the training that follows.
    /// </summary>
    /// <param name="validated">The data set that the following training is validated on, decoded to the first one's size; taken over.</param>
    /// <param name="split">Its split.</param>
    /// <param name="sources">
    /// The sources of the first training; taken over. They may hold other copies of images of <paramref name="validated"/> under the same ids.
    /// </param>
    /// <param name="warn">Told what two sources share and what is left out.</param>
    /// <exception cref="DataSetException">As <see cref="Of"/>, or the sources lack a class that the following training knows.</exception>
    public static TrainingImages ForPretraining(LesionDataSet validated, DataSetSplit split, IReadOnlyList<LesionDataSet> sources, Action<string> warn)
    {
        int[] known = validated.ClassCounts(split.Train), taught = new int[LesionClasses.Count];
        foreach (LesionDataSet source in sources)
        {
            CheckLabels(source);
            taught = [.. taught.Zip(source.ClassCounts(Enumerable.Range(0, source.Count)), (a, b) => a + b)];
        }

        string[] lacking = [.. LesionClasses.Codes.Where((_, c) => known[c] > 0 && taught[c] == 0)];
        return lacking.Length == 0
            ? Combine(validated, split, [], sources, role: null, ModelSource.Pretraining, warn)
            : throw new DataSetException($"The first training has other classes than the second: {string.Join(" + ", sources.Select(s => s.Name))} holds no "
                + $"image of {string.Join(", ", lacking)}. Add a source that does to --pretrain-data.");
    }

    /// <summary>[7]: the share of each class in a data set.</summary>
    public static IReadOnlyList<double> PriorOf(LesionDataSet data)
    {
        return [.. data.ClassCounts(Enumerable.Range(0, data.Count)).Select(c => (double)c / data.Count)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Data.Dispose();
        Validated.Dispose();
    }

    /// <param name="validated">The data set that is validated on.</param>
    /// <param name="split">Its split.</param>
    /// <param name="train">Its images that are trained on.</param>
    /// <param name="more">The sources that are only trained on.</param>
    /// <param name="role">The role of the first; null where it is of another stage.</param>
    /// <param name="moreRole">The role of the others.</param>
    /// <param name="warn">Told what two sources share and what is left out.</param>
    private static TrainingImages Combine(
        LesionDataSet validated, DataSetSplit split, IReadOnlyList<int> train, IReadOnlyList<LesionDataSet> more, string? role, string moreRole,
            Action<string> warn)
    {
        List<ModelSource> sources = [];
        if (role is not null)
        {
            sources.AddRange(validated.JoinedFrom ?? [SourceOf(validated, role, 0)]);
        }

        if (more.Count == 0)
        {
            return new(validated, split, validated, sources);
        }

        foreach (LesionDataSet source in more)
        {
            CheckLabels(source);
        }

        LesionDataSet[] all = [validated, .. more];
        LesionGroups groups = LesionGroups.Of(all, otherCopies: role is null ? 1 : 0, warn);
        HashSet<int> unseen = [.. split.Val.Select(i => groups.Of(0, i))];
        List<(LesionDataSet, int[])> parts = [(validated, [.. Enumerable.Range(0, validated.Count)])];
        for (int s = 1; s < all.Length; s++)
        {
            int[] images = [.. Enumerable.Range(0, all[s].Count).Where(i => !groups.IsCopy(s, i))];
            int[] kept = [.. images.Where(i => !unseen.Contains(groups.Of(s, i)))];
            if (kept.Length < images.Length)
            {
                warn($"{images.Length - kept.Length} images of {all[s].Name} show lesions of the validation images; they are not trained on.");
            }

            parts.Add((all[s], kept));
            sources.Add(SourceOf(all[s], moreRole, all[s].Count - kept.Length));
        }

        LesionDataSet data = new(validated.Name, [.. parts.SelectMany(p => p.Item2.Select(i => p.Item1.Records[i]))], Concatenated(parts));
        foreach (LesionDataSet source in more)
        {
            source.Dispose();
        }

        return new(data, split with { Train = [.. train, .. Enumerable.Range(validated.Count, data.Count - validated.Count)] }, validated, sources);
    }

    private static ModelSource SourceOf(LesionDataSet source, string role, int leftOut) =>
        new(source.Name, role, source.Records[0].Weight, source.Size, source.Fingerprint, source.Count, leftOut);

    private static void CheckLabels(LesionDataSet source)
    {
        if (!source.IsLabeled)
        {
            throw new DataSetException($"The data set {source.Name} has images without a label; training needs one for each. Add them to the metadata CSV's "
                + "column dx.");
        }
    }

    private static Tensor Concatenated(IReadOnlyList<(LesionDataSet Source, int[] Images)> parts)
    {
        Tensor[] pixels = [.. parts.Select(p =>
        {
            using Tensor indices = tensor([.. p.Images.Select(i => (long)i)], dtype: ScalarType.Int64);
            return p.Source.Pixels.index_select(0, indices);
        })];
        Tensor all = cat(pixels, 0);
        Array.ForEach(pixels, p => p.Dispose());
        return all;
    }
}
