using Lentigo.Core;

namespace Lentigo.Training.Data;

/// <summary>
/// HAM10000 as it is distributed (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T): a CSV with the columns <c>lesion_id, image_id, dx</c> and
/// images named after <c>image_id</c>, beside the CSV or in any folder below it (<c>HAM10000_images_part_1</c>, ...).
/// </summary>
public static class Ham10000
{
    /// <summary>The CSV's usual name.</summary>
    public const string MetadataFileName = "HAM10000_metadata.csv";

    /// <summary>Whether a folder holds a metadata CSV.</summary>
    public static bool IsIn(string folder) => FindMetadata(folder) is not null;

    /// <summary>Lists the images that the CSV names.</summary>
    /// <exception cref="DataSetException">There is no metadata CSV, or it is damaged or names an unknown class.</exception>
    public static DataSetFiles List(string folder)
    {
        string path = FindMetadata(folder) ?? throw new DataSetException(
            $"{folder} has no metadata CSV: {Path.Combine(folder, MetadataFileName)} is missing. It comes with HAM10000 (doi:10.7910/DVN/DBW86T) and has the columns lesion_id, image_id, dx; "
            + $"put it beside the image folders. Other formats: ISIC 2018 Task 3 (ISIC2018_Task3_Training_GroundTruth.csv), or a folder of images for each class, named {string.Join(", ", LesionClasses.Codes)}.");
        CsvTable table = CsvTable.Read(path, "image_id", "HAM10000's metadata");
        return DataSetFiles.Join(folder, "HAM10000", [path], [.. table.Rows.Select(row => new ImageFile(row["image_id"]!, "", LabelOf(row, path), row["lesion_id"]))]);
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

    private static string? FindMetadata(string folder)
    {
        string usual = Path.Combine(folder, MetadataFileName);
        if (File.Exists(usual))
        {
            return usual;
        }

        string[] others = [.. Directory.EnumerateFiles(folder, "*metadata*").Where(f => Path.GetExtension(f) is "" or ".csv")];
        return others.Length == 1 ? others[0] : null;
    }
}
