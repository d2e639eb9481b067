using System.CommandLine;
using Lentigo.Core;
using Lentigo.Training.Data;
using Lentigo.Training.Storage;

namespace Lentigo.Training.Commands;

/// <summary>The options that choose data sets and splits, and opening them.</summary>
internal static class DataArguments
{
    public static readonly Option<string[]> Data = NewData(required: true);

    /// <summary><see cref="Data"/>, for a verb that does not require it.</summary>
    public static readonly Option<string[]> OptionalData = NewData(required: false);

    public static readonly Option<string?> Format =
        new("--format") { HelpName = string.Join('|', DataSetFiles.FormatNames), Description = "How to read a folder that can be read in several ways." };
    public static readonly Option<bool> AllowLeaks =
        new("--allow-leaks") { Description = "Accept a split file in which a lesion, or copies of one picture, are on both sides." };
    public static readonly Option<bool> SkipMissing = new("--skip-missing") { Description = "Skip images that the CSV lists but that are not on disk." };
    public static readonly Option<bool> NoCache =
        new("--no-cache") { Description = "Decode all image files again and do not use the cache in " + PixelFolder + "." };
    public static readonly Option<string?> Split =
        new("--split") { HelpName = "lesion|image|official",
        Description = "lesion: by lesion, with no lesion on both sides; image: by image, as in the paper; official: as the data set defines it (the default if "
        + "it does)." };
    public static readonly Option<string> Fold =
        new("--fold") { HelpName = "i/k", Description = "Validate on fold i of k; 1/5 is 80 % and 20 %.", DefaultValueFactory = _ => "1/5" };
    public static readonly Option<string?> SplitFile =
        new("--split-file") { HelpName = "csv",
        Description = "Use the split that 'data split --out' saved, or any CSV with the columns image_id, subset (train, val, test)." };

    public static readonly Option<string?> Photographs =
        new("--robustness") { HelpName = "folder",
        Description = "Photographs in their original size: measure how predictions change when they are downscaled, rotated, mirrored, relit, framed or "
        + "crossed by hairs." };

    /// <summary>The seed of every split. It does not depend on <c>--seed</c>, so that runs with several seeds can be compared and combined.</summary>
    public const int SplitSeed = 1;

    private const string DataName = "--data";

    /// <summary>The folder of the cache of decoded images.</summary>
    private static string PixelFolder => Path.Combine(PixelCache.UserFolder, "pixels");

    /// <summary>Opens the data sets of <c>--data</c> as one. Those in blob storage are first copied to this machine.</summary>
    public static async Task<LesionDataSet> OpenAsync(ParseResult arguments, int size, CancellationToken cancellationToken) =>
        TrainingImages.Join(await OpenAllAsync(arguments, LocationsOf(DataOf(arguments)), size, cancellationToken), Console.WriteLine);

    /// <summary>Opens data sets, in their order.</summary>
    public static async Task<IReadOnlyList<LesionDataSet>> OpenAllAsync(ParseResult arguments, IReadOnlyList<DataLocation> locations, int size,
        CancellationToken cancellationToken)
    {
        bool skipMissing = arguments.GetValue(SkipMissing);
        PixelCache? cache = CacheOf(arguments);
        List<LesionDataSet> opened = [];
        foreach (DataLocation location in locations)
        {
            string path = await LocalPathAsync(arguments, location.Path, cancellationToken);
            Console.WriteLine($"Reading {location with { Path = path }} at {size} px ..."); // not the URL, which may hold a SAS
            LesionDataSet data = await ProgressBar.RunAsync(
                "images decoded", bytes: false,
                progress => Task.Run(() => DataSets.Open(path, size, skipMissing, Console.WriteLine, cache, progress, location.Table,
                    arguments.GetValue(Format), cancellationToken)));
            opened.Add(data.Weighed(location.Weight));
        }

        return opened;
    }

    private static string[] DataOf(ParseResult arguments) => arguments.GetValue<string[]>(DataName) is { Length: > 0 } named ? named
        : throw new UsageException($"Give a data set with {DataName}.");

    /// <summary>The locations in the values of an option.</summary>
    /// <exception cref="UsageException">A value is invalid, or given twice.</exception>
    public static IReadOnlyList<DataLocation> LocationsOf(IReadOnlyList<string> texts)
    {
        try
        {
            DataLocation[] locations = [.. texts.Select(DataLocation.Parse)];
            DataLocation? twice = locations.GroupBy(l => l with { Weight = 1 }).FirstOrDefault(g => g.Count() > 1)?.Key;
            return twice is null ? locations
                : throw new UsageException($"The data set {twice} is given twice. To sample its images twice per epoch, write {twice}@2.");
        }
        catch (DataSetException e)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>The data set of verbs that take only one.</summary>
    /// <exception cref="UsageException">Several are named.</exception>
    public static DataLocation OneLocation(ParseResult arguments) => LocationsOf(DataOf(arguments)) is [var one]
        ? one
        : throw new UsageException("This verb takes one data set: --data names several.");

    /// <summary>The photographs that <c>--robustness</c> names; empty where it is not given.</summary>
    public static IReadOnlyList<ImageFile> PhotographsOf(ParseResult arguments) =>
        arguments.GetValue(Photographs) is { } folder ? DataSets.IsNpz(folder)
            ? throw new UsageException("--robustness takes a folder of photographs, not an .npz.") : DataSetFiles.List(folder).Images : [];

    /// <summary>The cache of decoded images, or null where none is wanted.</summary>
    public static PixelCache? CacheOf(ParseResult arguments) => arguments.GetValue(NoCache) ? null : new(PixelFolder);

    /// <summary>The data set's folder or file on this machine.</summary>
    public static async Task<string> LocalPathAsync(ParseResult arguments, string data, CancellationToken cancellationToken)
    {
        if (!StorageArguments.IsUrl(data) && (arguments.GetValue(StorageArguments.Connection) is null || Path.Exists(data)))
        {
            return data;
        }

        BlobFolder folder = StorageArguments.Open(data, StorageArguments.ConnectionOf(arguments));
        string copies = Path.Combine(PixelCache.UserFolder, "data");
        Console.WriteLine($"Copying {folder.Location} to {copies} where it is not there yet ...");
        return await ProgressBar.RunAsync("downloaded", bytes: true, progress => BlobDataSet.FetchAsync(folder, copies, progress, cancellationToken));
    }

    private static Option<string[]> NewData(bool required) => new(DataName)
    {
        Required = required,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = true,
        HelpName = "folder|npz|URL",
        Description = "A folder: HAM10000, the ISIC challenges of 2018 to 2020, the ISIC archive, BCN20000 or MILK10k as distributed, images with any CSV in "
            + "the columns of one of them, or a folder for each class; folder=table.csv where the CSV is elsewhere; a MedMNIST .npz; or either in a blob "
            + "container by its URL (or container/folder, with --connection). Several are combined.",
    };

    /// <summary>The split that the arguments ask for.</summary>
    public static DataSetSplit SplitOf(ParseResult arguments, LesionDataSet images)
    {
        if (arguments.GetValue(SplitFile) is { } file)
        {
            return arguments.GetValue(Split) is not null
                ? throw new UsageException("--split and --split-file cannot both be given.")
                : DataSetSplit.Read(file, Labeled(images), Console.WriteLine, arguments.GetValue(AllowLeaks));
        }

        (int fold, int folds) = CommandLine.FoldOf(arguments.GetValue(Fold)!);
        DataSetSplit split = SplitOf(arguments, images, fold, folds);
        SayCopies(images, split);
        return split;
    }

    /// <summary>All folds of the split that the arguments ask for.</summary>
    public static IReadOnlyList<DataSetSplit> FoldsOf(ParseResult arguments, LesionDataSet images, int folds) =>
        [.. Enumerable.Range(0, folds).Select(fold => SplitOf(arguments, images, fold, folds))];

    private static DataSetSplit SplitOf(ParseResult arguments, LesionDataSet images, int fold, int folds)
    {
        bool hasSubsets = images.Records.Any(r => r.Subset == "train") && images.Records.Any(r => r.Subset == "val");
        SplitKind kind = arguments.GetValue(Split) switch
        {
            null => hasSubsets ? SplitKind.Official : SplitKind.Lesion,
            "lesion" => SplitKind.Lesion,
            "image" => SplitKind.Image,
            "official" => SplitKind.Official,
            string other => throw new UsageException($"There is no split '{other}'. Known: lesion, image, official."),
        };
        DataSetSplit split = DataSetSplit.Make(Labeled(images), kind, SplitSeed, folds, fold);
        if (kind is SplitKind.Lesion && split.Kind is SplitKind.Image)
        {
            Console.WriteLine("The data set has no lesion ids: it is split by image.");
        }

        return split;
    }

    /// <summary>Reports copies of one picture, and leaks between the two sides.</summary>
    private static void SayCopies(LesionDataSet images, DataSetSplit split)
    {
        (int lesions, IReadOnlyList<int[]> torn) = split.Leaks(images);
        if (images.Copies.Count > 0)
        {
            int[] first = torn.Count > 0 ? torn[0] : images.Copies[0];
            Console.WriteLine($"{images.Copies.Sum(g => g.Length)} images are copies of {images.Copies.Count} pictures (such as "
                + $"{string.Join(" = ", first.Take(5).Select(i => images.Records[i].Id))}): "
                + (torn.Count == 0 ? "all copies of a picture are on the same side of the split."
                    : $"{torn.Count} pictures are on both sides of the split, so validation metrics will be too optimistic. --split lesion keeps each on one "
                    + "side."));
        }

        if (lesions > 0)
        {
            Console.WriteLine($"{lesions} lesions have images on both sides of the split, so validation metrics will be too optimistic. --split lesion keeps "
                + "each on one side.");
        }
    }

    private static LesionDataSet Labeled(LesionDataSet images) => images.IsLabeled
        ? images
        : throw new DataSetException($"The data set {images.Name} has images without a label; a split and training need one for each. Add them to the metadata "
            + "CSV's column dx.");

    /// <summary>Prints how many images of each class and resolution are on each side.</summary>
    public static void Describe(LesionDataSet images, DataSetSplit split)
    {
        Console.WriteLine($"{images.Name}: {split.Train.Count} images to train on, {split.Val.Count} to validate on, split by {split.KindName}");
        foreach (string stratum in images.Strata)
        {
            string Counts(IReadOnlyList<int> side) =>
                string.Join(" ", images.ClassCounts(side.Where(i => images.Records[i].Stratum == stratum)).Select((n, c) => $"{LesionClasses.Codes[c]} {n}"));
            Console.WriteLine($"  {stratum} px  train: {Counts(split.Train)}   val: {Counts(split.Val)}");
        }
    }
}
