using System.CommandLine;
using Lentigo.Core;
using Lentigo.Training.Data;
using Lentigo.Training.Storage;

namespace Lentigo.Training.Commands;

/// <summary>How the verbs name a data set and a split of it, and how they open them.</summary>
internal static class DataArguments
{
    public static readonly Option<string[]> Data = NewData(required: true);

    /// <summary>As <see cref="Data"/>, for a verb that can do without.</summary>
    public static readonly Option<string[]> OptionalData = NewData(required: false);

    public static readonly Option<string?> Format = new("--format") { HelpName = string.Join('|', DataSetFiles.FormatNames), Description = "How to read a folder that can be read in several ways." };
    public static readonly Option<bool> AllowLeaks = new("--allow-leaks") { Description = "Accept a split file with a lesion or copies of one picture on both sides." };
    public static readonly Option<bool> SkipMissing = new("--skip-missing") { Description = "Leave out images of the CSV that are not on disk." };
    public static readonly Option<bool> NoCache = new("--no-cache") { Description = "Decode image files anew and keep nothing in " + PixelFolder + "." };
    public static readonly Option<string?> Split = new("--split") { HelpName = "lesion|image|official", Description = "lesion: no lesion on both sides; image: as the paper; official: the data set's own (the default where it has one)." };
    public static readonly Option<string> Fold = new("--fold") { HelpName = "i/k", Description = "Validate on fold i of k; 1/5 is 80 % and 20 %.", DefaultValueFactory = _ => "1/5" };
    public static readonly Option<string?> SplitFile = new("--split-file") { HelpName = "csv", Description = "Use the split that 'data split --out' saved, or any CSV with the columns image_id, subset (train, val, test)." };

    public static readonly Option<string?> Photographs = new("--robustness") { HelpName = "folder", Description = "A data set of photographs in their original size: measure how far answers move when they are reduced, turned, mirrored, lit otherwise, framed or crossed by hairs." };

    /// <summary>The seed of every split: it does not move with <c>--seed</c>, so that runs with several seeds can be compared and joined.</summary>
    public const int SplitSeed = 1;

    private const string DataName = "--data";

    /// <summary>Where decoded images are kept.</summary>
    private static string PixelFolder => Path.Combine(PixelCache.UserFolder, "pixels");

    /// <summary>Opens the data sets that <c>--data</c> names, joined to one; those in blob storage are copied to this machine first.</summary>
    public static async Task<LesionDataSet> OpenAsync(ParseResult arguments, int size, CancellationToken cancellationToken) =>
        TrainingImages.Join(await OpenAllAsync(arguments, LocationsOf(DataOf(arguments)), size, cancellationToken), Console.WriteLine);

    /// <summary>Opens data sets, in their order.</summary>
    public static async Task<IReadOnlyList<LesionDataSet>> OpenAllAsync(ParseResult arguments, IReadOnlyList<DataLocation> locations, int size, CancellationToken cancellationToken)
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
                progress => Task.Run(() => DataSets.Open(path, size, skipMissing, Console.WriteLine, cache, progress, location.Table, arguments.GetValue(Format), cancellationToken)));
            opened.Add(data.Weighed(location.Weight));
        }

        return opened;
    }

    private static string[] DataOf(ParseResult arguments) => arguments.GetValue<string[]>(DataName) is { Length: > 0 } named ? named : throw new UsageException($"Name a data set with {DataName}.");

    /// <summary>The locations that an option names.</summary>
    /// <exception cref="UsageException">One makes no sense, or is named twice.</exception>
    public static IReadOnlyList<DataLocation> LocationsOf(IReadOnlyList<string> texts)
    {
        try
        {
            DataLocation[] locations = [.. texts.Select(DataLocation.Parse)];
            DataLocation? twice = locations.GroupBy(l => l with { Weight = 1 }).FirstOrDefault(g => g.Count() > 1)?.Key;
            return twice is null ? locations : throw new UsageException($"The data set {twice} is named twice. To draw its images twice an epoch, write {twice}@2.");
        }
        catch (DataSetException e)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>The one data set of verbs that look at one.</summary>
    /// <exception cref="UsageException">Several are named.</exception>
    public static DataLocation OneLocation(ParseResult arguments) => LocationsOf(DataOf(arguments)) is [var one]
        ? one
        : throw new UsageException("This verb takes one data set: --data names several.");

    /// <summary>The photographs that <c>--robustness</c> names; empty where it is not given.</summary>
    public static IReadOnlyList<ImageFile> PhotographsOf(ParseResult arguments) =>
        arguments.GetValue(Photographs) is { } folder ? DataSets.IsNpz(folder) ? throw new UsageException("--robustness takes a folder of photographs, not an .npz.") : DataSetFiles.List(folder).Images : [];

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
        Description = "A folder: HAM10000, the ISIC challenges of 2018 to 2020, the ISIC archive, BCN20000 or MILK10k as distributed, images with any CSV in the columns of one of them, or a folder for each class; folder=table.csv where the CSV is elsewhere; a MedMNIST .npz; or either in a blob container by its URL (or container/folder, with --connection). Several are joined.",
    };

    /// <summary>The split that the arguments ask for.</summary>
    public static DataSetSplit SplitOf(ParseResult arguments, LesionDataSet images)
    {
        if (arguments.GetValue(SplitFile) is { } file)
        {
            return arguments.GetValue(Split) is not null
                ? throw new UsageException("--split and --split-file cannot both be given.")
                : DataSetSplit.Read(file, Labelled(images), Console.WriteLine, arguments.GetValue(AllowLeaks));
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
        bool own = images.Records.Any(r => r.Subset == "train") && images.Records.Any(r => r.Subset == "val");
        SplitKind kind = arguments.GetValue(Split) switch
        {
            null => own ? SplitKind.Official : SplitKind.Lesion,
            "lesion" => SplitKind.Lesion,
            "image" => SplitKind.Image,
            "official" => SplitKind.Official,
            string other => throw new UsageException($"There is no split '{other}'. Known: lesion, image, official."),
        };
        DataSetSplit split = DataSetSplit.Make(Labelled(images), kind, SplitSeed, folds, fold);
        if (kind is SplitKind.Lesion && split.Kind is SplitKind.Image)
        {
            Console.WriteLine("The data set has no lesion ids: it is split by image.");
        }

        return split;
    }

    /// <summary>Says which images are copies of one picture, and whether they stand on both sides.</summary>
    private static void SayCopies(LesionDataSet images, DataSetSplit split)
    {
        (int lesions, IReadOnlyList<int[]> torn) = split.Leaks(images);
        if (images.Copies.Count > 0)
        {
            int[] first = torn.Count > 0 ? torn[0] : images.Copies[0];
            Console.WriteLine($"{images.Copies.Sum(g => g.Length)} images are copies of {images.Copies.Count} pictures (such as {string.Join(" = ", first.Take(5).Select(i => images.Records[i].Id))}): "
                + (torn.Count == 0 ? "each picture is on one side of the split." : $"{torn.Count} pictures are on both sides of the split, and what validation shows will be too good. --split lesion keeps each on one side."));
        }

        if (lesions > 0)
        {
            Console.WriteLine($"{lesions} lesions have images on both sides of the split: what validation shows will be too good. --split lesion keeps each on one side.");
        }
    }

    private static LesionDataSet Labelled(LesionDataSet images) => images.IsLabelled
        ? images
        : throw new DataSetException($"The data set {images.Name} has images without a label; a split and training need one for each. Add them to the metadata CSV's column dx.");

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
