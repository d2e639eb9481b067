namespace Lentigo.Training.Data;

/// <summary>One image file of a data set, not decoded yet.</summary>
/// <param name="Id">The image's name, unique in the data set.</param>
/// <param name="Path">The file.</param>
/// <param name="Label">The class, 0 to 6, or -1 where the data set does not say.</param>
/// <param name="Lesion">The lesion that is shown, or null where the data set has no lesion ids.</param>
/// <param name="Subset">The data set's own split: <c>train</c>, <c>val</c> or <c>test</c>; null where it has none.</param>
public sealed record ImageFile(string Id, string Path, int Label, string? Lesion = null, string? Subset = null);

/// <summary>A data set of image files: what its tables and folders say, before an image is decoded.</summary>
/// <param name="Name">The name for people and for the manifest: the folder's.</param>
/// <param name="Format">What it was recognised as.</param>
/// <param name="Folder">The folder.</param>
/// <param name="Tables">The CSV files that were read.</param>
/// <param name="Images">The images that are on disk.</param>
/// <param name="Missing">Ids in the tables whose images are not on disk.</param>
/// <param name="Unlisted">How many images are on disk that no table names.</param>
public sealed record DataSetFiles(
    string Name, string Format, string Folder, IReadOnlyList<string> Tables, IReadOnlyList<ImageFile> Images, IReadOnlyList<string> Missing, int Unlisted)
{
    private static readonly string[] ImageExtensions = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"];

    /// <summary>Recognises a folder and lists its images.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="table">A CSV in HAM10000's layout that labels the images, where it is not in the folder; null to look there.</param>
    /// <exception cref="DataSetException">The folder is of no known format, or its tables are damaged or name unknown classes.</exception>
    public static DataSetFiles List(string folder, string? table = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return table is not null ? Ham10000.List(folder, table)
            : Isic2018.IsIn(folder) ? Isic2018.List(folder)
            : Ham10000.IsIn(folder) || !ClassFolders.IsIn(folder) ? Ham10000.List(folder)
            : ClassFolders.List(folder);
    }

    /// <summary>The image files in a folder and in all folders below it.</summary>
    internal static IEnumerable<string> ImagesIn(string folder) =>
        Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Where(f => ImageExtensions.Contains(System.IO.Path.GetExtension(f), StringComparer.OrdinalIgnoreCase));

    /// <summary>Joins the rows of tables, which name images without folder and extension, with the image files.</summary>
    internal static DataSetFiles Join(string folder, string format, IReadOnlyList<string> tables, IReadOnlyList<ImageFile> rows)
    {
        Dictionary<string, string> files = new(StringComparer.Ordinal);
        foreach (string file in ImagesIn(folder).Order(StringComparer.Ordinal))
        {
            files.TryAdd(System.IO.Path.GetFileNameWithoutExtension(file), file);
        }

        ImageFile[] found = [.. rows.Where(r => files.ContainsKey(r.Id)).Select(r => r with { Path = files[r.Id] })];
        return new(
            NameOf(folder), format, folder, tables, found,
            [.. rows.Where(r => !files.ContainsKey(r.Id)).Select(r => r.Id)], files.Count - found.Length);
    }

    /// <summary>The folder's own name.</summary>
    internal static string NameOf(string folder) => System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder)));
}
