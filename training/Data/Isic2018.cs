using System.Globalization;
using Lentigo.Core;

namespace Lentigo.Training.Data;

/// <summary>
/// ISIC 2018 Task 3 as it is distributed (Codella et al. 2019, arXiv:1902.03368): <c>ISIC2018_Task3_Training_GroundTruth.csv</c> with the columns
/// <c>image,MEL,NV,BCC,AKIEC,BKL,DF,VASC</c>, one of the seven 1 and the others 0, and images named after <c>image</c>, all anywhere in the folder.
/// Ground truth of the validation and the test images may lie there too. <c>ISIC2018_Task3_Training_LesionGroupings.csv</c> (columns
/// <c>image,lesion_id</c>) says which images show one lesion; it may be absent.
/// </summary>
public static class Isic2018
{
    private const string TruthPattern = "ISIC2018_Task3_*GroundTruth.csv", LesionsPattern = "ISIC2018_Task3_*LesionGroupings.csv";

    private static readonly string[] ClassColumns = [.. new[] { "mel", "nv", "bcc", "akiec", "bkl", "df", "vasc" }.Select(c => c.ToUpperInvariant())];

    /// <summary>Whether a folder, or one below it, holds a ground-truth CSV.</summary>
    public static bool IsIn(string folder) => Find(folder, TruthPattern).Length > 0;

    /// <summary>Lists the images that the ground truth names.</summary>
    /// <exception cref="DataSetException">A table is damaged, an image has no class or several, or two tables name one image.</exception>
    public static DataSetFiles List(string folder)
    {
        string[] truths = Find(folder, TruthPattern), groupings = Find(folder, LesionsPattern);
        Dictionary<string, string> lesions = groupings
            .SelectMany(path => CsvTable.Read(path, "image", "a table of ISIC 2018's lesions", "lesion_id").Rows)
            .Where(row => row["lesion_id"] is not null)
            .GroupBy(row => row["image"]!)
            .ToDictionary(g => g.Key, g => g.First()["lesion_id"]!);
        List<ImageFile> rows = [];
        foreach (string path in truths)
        {
            string? subset = truths.Length == 1 ? null : SubsetOf(Path.GetFileName(path));
            rows.AddRange(CsvTable.Read(path, "image", "the ground truth of ISIC 2018 Task 3", ClassColumns).Rows
                .Select(row => new ImageFile(row["image"]!, "", LabelOf(row, path), lesions.GetValueOrDefault(row["image"]!), subset)));
        }

        return rows.GroupBy(r => r.Id).FirstOrDefault(g => g.Count() > 1) is { } twice
            ? throw new DataSetException($"The image {twice.Key} is in several of {string.Join(", ", truths.Select(Path.GetFileName))}. Keep it in one of them.")
            : DataSetFiles.Join(folder, "ISIC 2018 Task 3", [.. truths, .. groupings], rows);
    }

    private static string[] Find(string folder, string pattern) =>
        [.. Directory.EnumerateFiles(folder, pattern, SearchOption.AllDirectories).Order(StringComparer.Ordinal)];

    private static string SubsetOf(string fileName) =>
        fileName.Contains("Training", StringComparison.OrdinalIgnoreCase) ? "train"
        : fileName.Contains("Validation", StringComparison.OrdinalIgnoreCase) ? "val"
        : "test";

    private static int LabelOf(CsvRow row, string path)
    {
        double[] values = [.. ClassColumns.Select(c => double.TryParse(row[c], NumberStyles.Float, CultureInfo.InvariantCulture, out double v) ? v : double.NaN)];
        int[] ones = [.. Enumerable.Range(0, values.Length).Where(i => values[i] == 1)];
        return ones.Length == 1 && values.All(v => v is 0 or 1)
            ? LesionClasses.IndexOf(ClassColumns[ones[0]])
            : throw new DataSetException(
                $"{path}, line {row.Line}: image {row["image"]} must have 1 in exactly one of the columns {string.Join(", ", ClassColumns)} and 0 in the others. Correct the line or take it out.");
    }
}
