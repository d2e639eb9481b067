namespace Lentigo.Training.Data;

/// <summary>One image file of a data set, not decoded yet.</summary>
/// <param name="Id">The image's name, unique in the data set.</param>
/// <param name="Path">The file.</param>
/// <param name="Label">The class, 0 to 6, or -1 for an unlabeled image.</param>
/// <param name="Lesion">The lesion id; null where the data set has none.</param>
/// <param name="Subset">The subset that the data set assigns: <c>train</c>, <c>val</c> or <c>test</c>; null where it assigns none.</param>
internal sealed record ImageFile(string Id, string Path, int Label, string? Lesion = null, string? Subset = null)
{
    /// <summary>Further attributes from the tables; null where they have none.</summary>
    public LesionAttributes? Attributes { get; init; }
}

/// <summary>The image files of a data set with what its tables and folders say of them, before decoding.</summary>
/// <param name="Name">The name for messages and the manifest: that of the folder.</param>
/// <param name="Format">The recognized format.</param>
/// <param name="Folder">The folder.</param>
/// <param name="Tables">The CSV files that were read.</param>
/// <param name="Images">The images that are on disk.</param>
/// <param name="Missing">Ids in the tables whose images are not on disk.</param>
/// <param name="Unlisted">The number of images on disk that no table names.</param>
internal sealed record DataSetFiles(
    string Name, string Format, string Folder, IReadOnlyList<string> Tables, IReadOnlyList<ImageFile> Images, IReadOnlyList<string> Missing, int Unlisted)
{
    private static readonly string[] ImageExtensions = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"];

    // Segmentation masks, which HAM10000 and ISIC distribute beside the images.
    private static readonly string[] MaskEndings = ["_segmentation", "_superpixels"];

    /// <summary>Sentences for the user on what was left out, and why.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Recognizes the format of a folder and lists its images.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="table">The CSV that labels the images, if it is elsewhere or one of several; null to look in the folder.</param>
    /// <param name="format">The format, if the folder can be read in several ways (<see cref="FormatNames"/>); null to detect it.</param>
    /// <exception cref="DataSetException">The folder has no known format or several, or its tables are damaged or name unknown classes.</exception>
    public static DataSetFiles List(string folder, string? table = null, string? format = null)
    {
        if (format == ClassFolders.FormatName)
        {
            return table is null ? ClassFolders.List(folder)
                : throw new DataSetException($"The table {table} and --format {format} contradict each other: a folder for each class needs no table.");
        }

        TableFormat? wanted = format is null ? null : TableFormat.Find(format);
        if (table is not null)
        {
            if (!File.Exists(table))
            {
                throw new DataSetException($"There is no table {table} of the images in {folder}. Write folder=table.csv with a CSV that has the columns "
                    + "lesion_id, image_id, dx.");
            }

            IReadOnlySet<string> columns = CsvTable.ColumnsOf(table);
            return LabelTables.List(folder, [(table, wanted ?? TableFormat.Of(columns) ?? throw new DataSetException(
                $"{table} labels no images: it has the columns {string.Join(", ", columns)}. The simplest table has image_id and dx, and lesion_id if it is "
                    + "known."))]);
        }

        (string Path, TableFormat Format)[] labels = [.. LabelTables.In(folder).Where(l => wanted is null || l.Format == wanted)];
        if (labels.Length > 0)
        {
            DataSetFiles files = LabelTables.List(folder, labels);
            return wanted is null && ClassFolders.IsIn(folder)
                ? files with { Notes = [.. files.Notes,
                    $"{folder} is read by {string.Join(", ", labels.Select(l => System.IO.Path.GetFileName(l.Path)))}; its folders named like classes are "
                    + $"ignored. To use them, write --format {ClassFolders.FormatName}."] }
                : files;
        }

        if (wanted is not null)
        {
            throw new DataSetException($"{folder} holds no table of the format {wanted.Name} ({wanted.Title}). {TablesIn(folder)}");
        }

        return ClassFolders.IsIn(folder) ? ClassFolders.List(folder) : throw new DataSetException(
            $"{folder} has no metadata CSV: {System.IO.Path.Combine(folder, Ham10000FileName)} is missing. It comes with HAM10000 (doi:10.7910/DVN/DBW86T) and "
                + "has the columns lesion_id, image_id, dx; "
            + "put it, or any CSV with these columns, beside the image folders, or name one elsewhere by folder=table.csv. "
            + $"Other formats: the tables of {string.Join(", ", TableFormat.All.Skip(1).Select(f => f.Title))}, or a folder of images for each class, named "
                + $"{string.Join(", ", Core.LesionClasses.Codes)}. {TablesIn(folder)}");
    }

    /// <summary>The usual name of HAM10000's CSV.</summary>
    public const string Ham10000FileName = "HAM10000_metadata.csv";

    /// <summary>The names that <c>--format</c> takes.</summary>
    public static IReadOnlyList<string> FormatNames { get; } = [.. TableFormat.All.Select(f => f.Name), ClassFolders.FormatName];

    /// <summary>
    /// The files in a folder and below it, without hidden files of file managers and editors: <c>._*</c>, <c>.ipynb_checkpoints</c>, <c>__MACOSX</c>.
    /// </summary>
    internal static IEnumerable<string> FilesIn(string folder, SearchOption depth = SearchOption.AllDirectories) =>
        Directory.EnumerateFiles(folder, "*", depth)
            .Where(f => !System.IO.Path.GetRelativePath(folder, f).Split('/', '\\').Any(part => part.StartsWith('.') || part == "__MACOSX"));

    /// <summary>The image files in a folder and in all folders below it.</summary>
    internal static IEnumerable<string> ImagesIn(string folder) => FilesIn(folder)
        .Where(f => IsImage(f) && !MaskEndings.Any(System.IO.Path.GetFileNameWithoutExtension(f).EndsWith));

    /// <summary>Whether a name has the extension of an image.</summary>
    internal static bool IsImage(string name) => ImageExtensions.Contains(System.IO.Path.GetExtension(name), StringComparer.OrdinalIgnoreCase);

    /// <summary><c>train</c>, <c>val</c> or <c>test</c> for the names that data sets use; null for any other name.</summary>
    internal static string? SubsetOf(string word) => word.ToLowerInvariant() switch
    {
        "train" or "training" => "train",
        "val" or "valid" or "validation" => "val",
        "test" or "testing" => "test",
        _ => null,
    };

    /// <summary>The name of the folder.</summary>
    internal static string NameOf(string folder) => System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder)));

    private static string TablesIn(string folder) => LabelTables.Describe(folder) is { Length: > 0 } found ? $"The tables there: {found}."
        : "There is no table in it.";
}
