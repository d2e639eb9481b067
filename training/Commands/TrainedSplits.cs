using Lentigo.Core.Models;
using Lentigo.Training.Data;

namespace Lentigo.Training.Commands;

/// <summary>Finds the split that a package was trained on in a data set that the user names, and refuses any other.</summary>
internal static class TrainedSplits
{
    /// <summary>The images of a subset. For an ensemble of folds also the fold of each image: only the members of that fold did not train on it.</summary>
    public static (IReadOnlyList<int> Images, IReadOnlyDictionary<int, int>? Folds) ImagesOf(LesionDataSet data, string subset, ModelData? trained,
        (int Fold, int Folds) fold, string? splitFile)
    {
        if (subset is not ("train" or "val" or "test" or "all"))
        {
            throw new UsageException($"There is no subset '{subset}'. Known: train, val, test, all.");
        }

        if (subset == "all")
        {
            return ([.. Enumerable.Range(0, data.Count)], null);
        }

        if (splitFile is null && trained?.Split != "file" && data.Records.Any(r => r.Subset is not null))
        {
            int[] own = [.. Enumerable.Range(0, data.Count).Where(i => data.Records[i].Subset == subset)];
            return own.Length > 0 ? (own, null) : throw new DataSetException(
                $"{data.Name} has no subset '{subset}'; it holds {string.Join(", ", data.Records.Select(r => r.Subset).Distinct())}.");
        }

        if (subset == "test" || trained is null || trained.Fingerprint != data.Fingerprint)
        {
            throw new DataSetException($"{data.Name} has no subset '{subset}' for this model: it is not the data set that the model was trained on. Use "
                + "--subset all.");
        }

        IReadOnlyList<DataSetSplit> splits = SplitsOf(data, trained, fold, splitFile);
        return splits is [var split] ? (subset == "train" ? split.Train : split.Val, null)
            : subset == "val" && DataSetSplit.FoldsOf(splits) is { } folds ? ([.. folds.Keys], folds)
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
        manifest.Data is { } trained && trained.Fingerprint == data.Fingerprint
            ? SplitsOf(data, trained, fold, splitFile)
            : throw new DataSetException($"{data.Name} is not the data set that {manifest.Name} {manifest.Version} was trained on.");

    private static IReadOnlyList<DataSetSplit> SplitsOf(LesionDataSet data, ModelData trained, (int Fold, int Folds) fold, string? splitFile)
    {
        if (splitFile is null && trained.Split == "file")
        {
            throw new UsageException("The model was trained with a split from a file. Name the file with --split-file.");
        }

        if (trained.Folds > 1)
        {
            DataSetSplit[] splits = [.. Enumerable.Range(0, trained.Folds)
                .Select(k => DataSetSplit.Make(data, KindOf(trained), DataArguments.SplitSeed, trained.Folds, k))];
            return DataSetSplit.FingerprintOf(splits) == trained.SplitFingerprint ? splits
                : throw new DataSetException($"The model was trained on other folds of {data.Name} than these data split into.");
        }

        DataSetSplit split = splitFile is null
            ? DataSetSplit.Make(data, KindOf(trained), DataArguments.SplitSeed, fold.Folds, fold.Fold)
            : DataSetSplit.Read(splitFile, data, Console.WriteLine, allowLeaks: true);
        return split.Fingerprint == trained.SplitFingerprint ? [split]
            : splitFile is not null ? throw new DataSetException($"The model was trained with another split of {data.Name} than {splitFile}.")
            : throw new DataSetException($"The model was validated on another fold of {data.Name} than {fold.Fold + 1}/{fold.Folds}. Name the one that was "
                + "given to train with --fold.");
    }

    private static SplitKind KindOf(ModelData trained) =>
        trained.Split switch { "image" => SplitKind.Image, "official" => SplitKind.Official, _ => SplitKind.Lesion };
}
