using Lentigo.Core.Models;
using Lentigo.Training.Data;

namespace Lentigo.Training.Commands;

/// <summary>Finds the split that a package was trained on in a data set that the user names, and refuses any other.</summary>
internal static class TrainedSplits
{
    /// <summary>
    /// The images of a subset; for an ensemble of folds the fold of each image, since only the members of that fold did not train on it; and whether the decisions
    /// of the package were fitted to these images.
    /// </summary>
    public static (IReadOnlyList<int> Images, IReadOnlyDictionary<int, int>? Folds, bool AreFitted) ImagesOf(LesionDataSet data, string subset, ModelData? trained,
        (int Fold, int Folds) fold, string? splitFile)
    {
        if (subset is not ("train" or "val" or "test" or "all"))
        {
            throw new UsageException($"There is no subset '{subset}'. Known: train, val, test, all.");
        }

        if (subset == "all")
        {
            return ([.. Enumerable.Range(0, data.Count)], null, false);
        }

        if (splitFile is null && trained?.Split != "file" && data.Records.Any(r => r.Subset is not null))
        {
            int[] own = [.. Enumerable.Range(0, data.Count).Where(i => data.Records[i].Subset == subset)];
            return own.Length > 0 ? (own, null, subset == "val" && trained?.Fingerprint == data.Fingerprint) : throw new DataSetException(
                $"{data.Name} has no subset '{subset}'; it holds {string.Join(", ", data.Records.Select(r => r.Subset).Distinct())}.");
        }

        if (subset == "test" || trained is null || SplitsOrNull(data, trained, fold, splitFile) is not { } splits)
        {
            throw new DataSetException($"{data.Name} has no subset '{subset}' for this model: it is not the data set that the model was trained on. Use "
                + "--subset all.");
        }

        return splits is [var split] ? (subset == "train" ? split.Train : split.Val, null, subset == "val")
            : subset == "val" && DataSetSplit.FoldsOf(splits) is { } folds ? ([.. folds.Keys], folds, true)
            : throw new DataSetException($"Every image of {data.Name} was trained on by some of the members, which were trained on folds. Use --subset val: "
                + "there the members answer that were not.");
    }

    /// <summary>The split that a model was trained on: of an ensemble of folds each fold's.</summary>
    /// <param name="data">The data set that it was trained on.</param>
    /// <param name="manifest">The model's manifest.</param>
    /// <param name="fold">The fold that it was validated on, where it is no ensemble of folds.</param>
    /// <param name="splitFile">The file of the split, where it came from one.</param>
    /// <exception cref="DataSetException">It is another data set, or another split.</exception>
    public static IReadOnlyList<DataSetSplit> SplitsOf(LesionDataSet data, ModelManifest manifest, (int Fold, int Folds) fold, string? splitFile) =>
        manifest.Data is { } trained && SplitsOrNull(data, trained, fold, splitFile) is { } splits
            ? splits
            : throw new DataSetException($"{data.Name} is not the data set that {manifest.Name} {manifest.Version} was trained on.");

    /// <summary>
    /// The split, or null if it is another data set. What counts is that the images split alike: their pixels may differ a little where another version of the
    /// decoder made them.
    /// </summary>
    private static IReadOnlyList<DataSetSplit>? SplitsOrNull(LesionDataSet data, ModelData trained, (int Fold, int Folds) fold, string? splitFile)
    {
        bool hasSamePixels = data.Fingerprint == trained.Fingerprint;
        if (!hasSamePixels && !data.IsLabeled)
        {
            return null;
        }

        if (splitFile is null && trained.Split == "file")
        {
            throw new UsageException("The model was trained with a split from a file. Name the file with --split-file.");
        }

        DataSetSplit[] splits = splitFile is not null ? [DataSetSplit.Read(splitFile, data, Console.WriteLine, allowLeaks: true)]
            : trained.Folds > 1 ? [.. Enumerable.Range(0, trained.Folds).Select(k => DataSetSplit.Make(data, KindOf(trained), DataArguments.SplitSeed, trained.Folds, k))]
            : [DataSetSplit.Make(data, KindOf(trained), DataArguments.SplitSeed, fold.Folds, fold.Fold)];
        if (DataSetSplit.FingerprintOf(splits) == trained.SplitFingerprint)
        {
            if (!hasSamePixels)
            {
                Console.WriteLine($"The pixels of {data.Name} are not exactly those that the model was validated on: another version of the program decoded them, or "
                    + "the files were changed. Small differences from the figures in its manifest are to be expected.");
            }

            return splits;
        }

        return !hasSamePixels ? null
            : splitFile is not null ? throw new DataSetException($"The model was trained with another split of {data.Name} than {splitFile}.")
            : trained.Folds > 1 ? throw new DataSetException($"The model was trained on other folds of {data.Name} than these data split into.")
            : throw new DataSetException($"The model was validated on another fold of {data.Name} than {fold.Fold + 1}/{fold.Folds}. Name the one that was "
                + "given to train with --fold.");
    }

    private static SplitKind KindOf(ModelData trained) =>
        trained.Split switch { "image" => SplitKind.Image, "official" => SplitKind.Official, _ => SplitKind.Lesion };
}
