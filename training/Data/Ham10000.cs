using Lentigo.Core;

namespace Lentigo.Training.Data;

/// <summary>
/// HAM10000 as it is distributed (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T), and any data set in its layout: a CSV with the columns
/// <c>lesion_id, image_id, dx</c> and images named after <c>image_id</c>, beside the CSV or in any folder below it.
/// </summary>
public static class Ham10000
{
    /// <summary>The CSV's usual name.</summary>
    public const string MetadataFileName = "HAM10000_metadata.csv";

    private static readonly string[] Columns = ["image_id", "dx"];

    /// <summary>Whether a folder holds such a CSV.</summary>
    public static bool IsIn(string folder) => Tables(folder).Length > 0;

    /// <summary>Lists the images that the CSV names.</summary>
    /// <param name="folder">The folder of images.</param>
    /// <param name="table">The CSV, or null for the one in the folder.</param>
    /// <exception cref="DataSetException">There is no such CSV or there are several, or it is damaged or names an unknown class.</exception>
    public static DataSetFiles List(string folder, string? table = null)
    {
        string path = table ?? FindTable(folder);
        if (!File.Exists(path))
        {
            throw new DataSetException($"There is no table {path} of the images in {folder}. Write folder=table.csv with a CSV that has the columns lesion_id, image_id, dx.");
        }

        CsvTable csv = CsvTable.Read(path, "image_id", "HAM10000's metadata");
        return DataSetFiles.Join(folder, "HAM10000", [path], [.. csv.Rows.Select(row => new ImageFile(row["image_id"]!, "", LabelOf(row, path), row["lesion_id"]))]);
    }

    private static int LabelOf(CsvRow row, string path)
    {
        if (row["dx"] is not { } code)
        {
            return -1;
        }

        int label = LesionClasses.IndexOf(code);
        return label >= 0 ? label : throw new DataSetException(
            $"{path}, line {row.Line}: the class code '{code}' of image {row["image_id"]} is not one of {string.Join(", ", LesionClasses.Codes)}. Correct the line or take it out.");
    }

    private static string FindTable(string folder) => Tables(folder) switch
    {
        [var one] => one,
        [] => throw new DataSetException(
            $"{folder} has no metadata CSV: {Path.Combine(folder, MetadataFileName)} is missing. It comes with HAM10000 (doi:10.7910/DVN/DBW86T) and has the columns lesion_id, image_id, dx; "
            + "put it, or any CSV with these columns, beside the image folders, or name one elsewhere by folder=table.csv. "
            + $"Other formats: ISIC 2018 Task 3 (ISIC2018_Task3_Training_GroundTruth.csv), or a folder of images for each class, named {string.Join(", ", LesionClasses.Codes)}."),
        var several => throw new DataSetException(
            $"{folder} has {several.Length} CSV files with the columns image_id and dx: {string.Join(", ", several.Select(Path.GetFileName))}. Say which one labels the images: {folder}={several[0]}."),
    };

    /// <summary>HAM10000's own CSV; else a file named <c>*metadata*</c> or every CSV with the columns.</summary>
    private static string[] Tables(string folder)
    {
        string usual = Path.Combine(folder, MetadataFileName);
        if (File.Exists(usual))
        {
            return [usual];
        }

        string[] files = [.. Directory.EnumerateFiles(folder).Where(f => Path.GetExtension(f) is "" or ".csv").Order(StringComparer.Ordinal)];
        string[] named = [.. files.Where(f => Path.GetFileName(f).Contains("metadata", StringComparison.Ordinal))];
        return named.Length == 1 ? named : [.. files.Where(f => Path.GetExtension(f) == ".csv" && HasColumns(f))];
    }

    private static bool HasColumns(string path)
    {
        using StreamReader text = new(path);
        string[] header = [.. (text.ReadLine() ?? "").TrimStart('\uFEFF').Split(',').Select(c => c.Trim().Trim('"'))];
        return Columns.All(header.Contains);
    }
}
