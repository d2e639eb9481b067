using System.CommandLine;
using Lentigo.Core;
using Lentigo.Training.Data;
using Lentigo.Training.Storage;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>The verbs <c>data inspect</c>, <c>data split</c> and <c>data push</c>.</summary>
internal static class DataCommand
{
    private const int Listed = 10;

    private static readonly Option<int> Size =
        new("--size") { HelpName = "px", Description = "The side at which pixels are compared.", DefaultValueFactory = _ => 64 };
    private static readonly Option<string> Out = new("--out") { Required = true, HelpName = "csv", Description = "The file to write." };
    private static readonly Option<string> To =
        new("--to") { Required = true, HelpName = "URL|container",
        Description = "A container or a folder in it: its URL (with a SAS, or as the signed-in identity), or its name with --connection." };

    public static Command Create()
    {
        Command inspect = new("inspect", "Counts a data set's classes, lesions, sizes, duplicates and unreadable files, and describes its split.")
        {
            DataArguments.Data, DataArguments.Format, DataArguments.NoCache, DataArguments.Split, DataArguments.Fold, DataArguments.SplitFile,
            DataArguments.AllowLeaks, StorageArguments.Connection, Size,
        };
        inspect.SetAction(InspectAsync);
        Command split = new("split", "Saves a split as a CSV, for train --split-file.")
        {
            DataArguments.Data, DataArguments.Format, DataArguments.SkipMissing, DataArguments.NoCache, DataArguments.Split, DataArguments.Fold,
            StorageArguments.Connection, Out,
        };
        split.SetAction(SplitAsync);
        Command push = new("push", "Uploads a data set to a blob container; when repeated, only what is missing or changed.") { DataArguments.Data,
            DataArguments.Format, To, StorageArguments.Connection };
        push.SetAction(PushAsync);
        return new("data", "Inspects, splits and uploads data sets.") { inspect, split, push };
    }

    private static async Task<int> InspectAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        int size = arguments.GetValue(Size);
        if (size is < 16 or > 1024)
        {
            throw new UsageException($"--size {size} is not between 16 and 1024.");
        }

        DataLocation location = DataArguments.OneLocation(arguments);
        string path = await DataArguments.LocalPathAsync(arguments, location.Path, cancellationToken);
        PixelCache? cache = DataArguments.CacheOf(arguments);
        using DataSetInspection found =
            await ProgressBar.RunAsync("images read", bytes: false,
            progress => Task.Run(() => DataSetInspection.Of(path, location.Table, arguments.GetValue(DataArguments.Format), size, cache, Console.WriteLine,
            progress, cancellationToken)));
        Console.WriteLine($"{found.Images.Name}: {found.Format}, {found.Images.Count} images");
        PrintCounts(found.Images);
        PrintFaults(found, size);
        Console.WriteLine($"fingerprint of the data at {size} px: {found.Images.Fingerprint}");
        try
        {
            DataSetSplit split = DataArguments.SplitOf(arguments, found.Images);
            DataArguments.Describe(found.Images, split);
            Console.WriteLine($"  fingerprint of the split: {split.Fingerprint}");
        }
        catch (DataSetException e)
        {
            Console.WriteLine($"It cannot be split for training: {e.Message}");
        }

        return 0;
    }

    private static void PrintCounts(LesionDataSet images)
    {
        const int most = 4; // as many as a terminal of 80 columns has room for
        string[] strata = [.. images.Strata.Take(most)];
        Table table = CommandLine.NewTable(
            ["class", "images", "lesions", .. strata.Select(s => s + " px"), .. images.Strata.Count > most ? ["other sizes"] : Array.Empty<string>()]);
        foreach (int label in Enumerable.Range(-1, LesionClasses.Count + 1))
        {
            LesionRecord[] records = [.. images.Records.Where(r => r.Label == label)];
            if (label >= 0 || records.Length > 0)
            {
                AddRow(label < 0 ? "no label" : LesionClasses.Codes[label], records);
            }
        }

        AddRow("all", images.Records);
        CommandLine.Print(table);

        void AddRow(string name, IReadOnlyCollection<LesionRecord> records)
        {
            int lesions = records.Where(r => r.Lesion is not null).Select(r => r.Lesion).Distinct().Count();
            table.AddRow([
                name, $"{records.Count}", lesions == 0 ? "-" : $"{lesions}",
                .. strata.Select(s => $"{records.Count(r => r.Stratum == s)}"),
                .. images.Strata.Count > most ? [$"{records.Count(r => !strata.Contains(r.Stratum))}"] : Array.Empty<string>()]);
        }
    }

    private static void PrintFaults(DataSetInspection found, int size)
    {
        PrintList($"{found.Missing.Count} images of the tables are not on disk", found.Missing);
        Console.WriteLine($"{found.Unlisted} images on disk have no label");
        PrintList($"{found.Unreadable.Count} files cannot be decoded", [.. found.Unreadable.Select(u => $"{u.Path}: {u.Reason}")]);
        foreach ((string what, IReadOnlyList<IReadOnlyList<int>> groups) in new[] { ("the same bytes", found.SameBytes),
            ($"the same pixels at {size} px", found.SamePixels) })
        {
            LesionRecord[][] records = [.. groups.Select(g => g.Select(i => found.Images.Records[i]).ToArray())];
            int classes = records.Count(g => g.DistinctBy(r => r.Label).Skip(1).Any()),
                lesions = records.Count(g => g.All(r => r.Lesion is not null) && g.DistinctBy(r => r.Lesion).Skip(1).Any());
            PrintList(
                $"{records.Sum(g => g.Length)} images in {records.Length} groups have {what}; {classes} groups have several classes, {lesions} several lesions",
                [.. records.Select(g => string.Join(" = ", g.Select(r => r.Id)))]);
        }
    }

    private static void PrintList(string what, IReadOnlyList<string> entries)
    {
        Console.WriteLine(what + (entries.Count == 0 ? "" : ":"));
        foreach (string entry in entries.Take(Listed))
        {
            Console.WriteLine($"  {entry}");
        }

        if (entries.Count > Listed)
        {
            Console.WriteLine($"  and {entries.Count - Listed} more");
        }
    }

    private static async Task<int> SplitAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        const int size = 64; // the pixels do not matter here; at this size they are likely to be in the cache
        using LesionDataSet images = await DataArguments.OpenAsync(arguments, size, cancellationToken);
        DataSetSplit split = DataArguments.SplitOf(arguments, images);
        DataArguments.Describe(images, split);
        string path = arguments.GetValue(Out)!;
        split.Save(path, images);
        Console.WriteLine($"Saved {path}, fingerprint {split.Fingerprint}. Use it with train --split-file {path}.");
        return 0;
    }

    private static async Task<int> PushAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        DataLocation location = DataArguments.OneLocation(arguments);
        string path = location.Path;
        if (location.Table is not null)
        {
            throw new UsageException($"A copy in blob storage needs its table in the folder: put {location.Table} into {path}.");
        }

        List<(string Path, string Name)> files = [];
        if (DataSets.IsNpz(path))
        {
            files.Add((path, Path.GetFileName(path)));
        }
        else
        {
            DataSetFiles listed = DataSetFiles.List(path, table: null, arguments.GetValue(DataArguments.Format));
            files.AddRange(listed.Tables.Concat(listed.Images.Select(i => i.Path)).Select(f => (f, Path.GetRelativePath(path, f).Replace('\\', '/'))));
            if (listed.Missing.Count > 0)
            {
                Console.WriteLine($"{listed.Missing.Count} images of the tables are not on disk; training on the copy needs --skip-missing.");
            }

            if (listed.Images.Count == 0)
            {
                throw new DataSetException($"{path} holds no images of a data set. Check --data.");
            }
        }

        BlobFolder target = StorageArguments.Open(arguments.GetValue(To)!, StorageArguments.ConnectionOf(arguments));
        await StorageArguments.ReachAsync(target, cancellationToken);
        try
        {
            int uploaded = await ProgressBar.RunAsync("uploaded", bytes: true, progress => BlobDataSet.PushAsync(files, target, progress, cancellationToken));
            Console.WriteLine($"{target.Location} holds {files.Count} files of {DataSetFiles.NameOf(path)}; {uploaded} were uploaded, {files.Count - uploaded} "
                + "were there.");
            return 0;
        }
        catch (OperationCanceledException e)
        {
            throw new TrainingException("Stopped. Repeat the command: what is uploaded stays and is not uploaded again.", e);
        }
    }
}
