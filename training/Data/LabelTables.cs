namespace Lentigo.Training.Data;

/// <summary>
/// Data sets labeled by a CSV: HAM10000, the ISIC challenges of 2018 to 2020, the ISIC archive, BCN20000 and MILK10k as they are distributed, and any in the
/// layout of
/// one of them. Tables are recognized by their columns (<see cref="TableFormat"/>) and may be anywhere in the folder, like the images, which the tables name
/// with or
/// without extension and folders. Tables that only assign lesions or devices to images are read too.
/// </summary>
internal static class LabelTables
{
    private static readonly string[] Extensions = ["", ".csv", ".tab", ".tsv"];
    private static readonly string[] ImageColumns = ["image", "image_id", "image_name", "isic_id", "bcn_filename"];

    /// <summary>The tables in a folder that label images, with their layouts.</summary>
    public static IReadOnlyList<(string Path, TableFormat Format)> In(string folder) =>
        [.. Tables(folder).Select(t => (t.Path, Format: TableFormat.Of(t.Columns)!)).Where(t => t.Format is not null)];

    /// <summary>Lists the images that a folder's tables name.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="labels">The tables of <see cref="In"/>, of one layout or several.</param>
    /// <exception cref="DataSetException">A table is damaged, tables contradict each other, or the folder can be read in several ways.</exception>
    public static DataSetFiles List(string folder, IReadOnlyList<(string Path, TableFormat Format)> labels)
    {
        string[] folders = [.. labels.Select(l => Path.GetFullPath(Path.GetDirectoryName(l.Path)!)).Append(folder).Distinct()];
        (string Path, IReadOnlySet<string> Columns)[] more = [.. folders.SelectMany(f => f == folder ? Tables(f) : Tables(f, SearchOption.TopDirectoryOnly))
            .DistinctBy(t => Path.GetFullPath(t.Path)).Where(t => TableFormat.Of(t.Columns) is null && IsAboutImages(t.Columns))];
        ImageAttributes attributes = ImageAttributes.Read(more, labels.Any(l => l.Format.IsByLesion));
        ImageNames files = ImageNames.In(folder);
        Reading[] readings = [.. labels.GroupBy(l => l.Format).Select(g => Read(g.Key, [.. g.Select(l => l.Path)], attributes, files))];
        if (readings.Length > 1)
        {
            // Ignore tables whose images were not downloaded.
            Reading[] present = [.. readings.Where(r => r.Rows.Any(row => files.Find(row.Id) is not null))];
            readings = present.Length > 0 ? present : readings;
        }

        if (readings.Length > 1)
        {
            throw new DataSetException(
                $"{folder} can be read in {readings.Length} ways: {string.Join(" or ", readings.Select(r => $"as {r.Format.Title} ({r.Rows.Count(row => files.Find(row.Id) is not null)} of its images, by {string.Join(", ", r.Tables.Select(Path.GetFileName))})"))}. "
                + $"Choose one: --format {string.Join(" or --format ", readings.Select(r => r.Format.Name))}; or move the other tables away.");
        }

        Reading read = readings[0];
        string[] aside = [.. labels.Select(l => l.Path).Except(read.Tables)];
        if (aside.Length > 0)
        {
            read.Notes.Add($"None of the images of {string.Join(", ", aside.Select(Path.GetFileName))} is in {folder}: the table is not used.");
        }

        return files.Join(folder, read.Format.Title, [.. read.Tables, .. attributes.Tables], read.Rows, read.LeftOut, read.Notes);
    }

    /// <summary>Describes the tables of a folder, for the error message that none of them labels images.</summary>
    public static string Describe(string folder) =>
        string.Join("; ", Tables(folder).Take(5)
            .Select(t => $"{Path.GetRelativePath(folder, t.Path)} has the columns {string.Join(", ", t.Columns.Take(12))}"));

    private static bool IsAboutImages(IReadOnlySet<string> columns) => ImageColumns.Any(columns.Contains)
        && (columns.Contains("lesion_id") || columns.Contains("image_type") || LesionAttributes.Columns.Any(columns.Contains));

    private static IEnumerable<(string Path, IReadOnlySet<string> Columns)> Tables(string folder, SearchOption depth = SearchOption.AllDirectories) =>
        DataSetFiles.FilesIn(folder, depth)
            .Where(f => Extensions.Contains(Path.GetExtension(f), StringComparer.OrdinalIgnoreCase)
                && (Path.GetExtension(f).Length > 0 || Path.GetFileName(f).Contains("metadata", StringComparison.OrdinalIgnoreCase)))
            .Order(StringComparer.Ordinal)
            .Select(f => (f, CsvTable.ColumnsOf(f)));

    /// <summary>Reads the tables of one layout as one.</summary>
    private static Reading Read(TableFormat format, string[] tables, ImageAttributes attributes, ImageNames files)
    {
        Reading reading = new(format, []);
        Dictionary<string, (ImageFile Row, string Table)> rows = new(StringComparer.Ordinal);
        foreach (string path in tables)
        {
            List<ImageFile> ofTable = [];
            foreach (CsvRow row in CsvTable.Read(path, format.Key, format.Content, [.. format.Columns]).Rows)
            {
                RowLabel label = format.LabelOf(row, path);
                string? subset = SubsetOf(row["subset"] ?? row["split"]) ?? (tables.Length == 1 ? null : SubsetOfFile(path));
                foreach (string image in format.IsByLesion ? attributes.ImagesOf(row[format.Key]!) : [row[format.Key]!])
                {
                    string? other = attributes.OtherThanDermoscopy(image) ?? (row["image_type"] is { } type && ImageAttributes.IsOther(type) ? type : null);
                    if (label.LeftOut is not null || other is not null)
                    {
                        reading.LeftOut.Add((image, other ?? label.LeftOut!));
                        continue;
                    }

                    ofTable.Add(new(image, "", label.Label, row["lesion_id"] ?? attributes.LesionOf(image), subset)
                    {
                        Attributes = LesionAttributes.Of(row)?.Or(attributes.Of(image)) ?? attributes.Of(image),
                    });
                }
            }

            if (tables.Length > 1 && ofTable.Count > 0 && ofTable.TrueForAll(r => files.Find(r.Id) is null))
            {
                reading.Notes.Add($"None of the images of {Path.GetFileName(path)} is among the image files: the table is not used.");
                continue;
            }

            reading.Tables.Add(path);
            foreach (ImageFile row in ofTable)
            {
                if (!rows.TryAdd(ImageNames.Of(row.Id), (row, path)))
                {
                    (ImageFile first, string table) = rows[ImageNames.Of(row.Id)];
                    if (table == path || first.Label != row.Label || first.Subset != row.Subset)
                    {
                        throw new DataSetException(table == path
                            ? $"{path} lists the image {row.Id} twice, once as {first.Id}. Keep one of the lines."
                            : $"{Path.GetFileName(table)} and {Path.GetFileName(path)} label the image {row.Id} differently. Choose a table with "
                                + "folder=table.csv, or move the other away.");
                    }
                }
            }
        }

        if (reading.Tables.Count == 0)
        {
            // No table has an image on disk: report the images of the first table as missing.
            return Read(format, [tables[0]], attributes, files);
        }

        reading.Rows.AddRange(rows.Values.Select(r => r.Row));
        return reading.Rows.Count > 0 ? reading : throw new DataSetException(
            format.IsByLesion && reading.LeftOut.Count == 0
                ? $"{tables[0]} names lesions, and no table beside it says which images show them. Put MILK10k_Training_Metadata.csv (columns lesion_id, "
                    + "isic_id, image_type) into the folder."
                : $"No image of {string.Join(", ", tables)} shows one of the seven classes.");
    }

    private static string? SubsetOf(string? value) => value is null ? null : DataSetFiles.SubsetOf(value);

    private static string? SubsetOfFile(string path) =>
        Path.GetFileNameWithoutExtension(path).Split('_', '-', ' ').Select(DataSetFiles.SubsetOf).FirstOrDefault(s => s is not null);

    /// <summary>A folder read by tables of one layout.</summary>
    private sealed record Reading(TableFormat Format, List<string> Tables)
    {
        public List<ImageFile> Rows { get; } = [];

        public List<(string Image, string Why)> LeftOut { get; } = [];

        public List<string> Notes { get; } = [];
    }

    /// <summary>What tables say of images beside their class.</summary>
    private sealed class ImageAttributes
    {
        private readonly Dictionary<string, string> _lesions = new(StringComparer.Ordinal);
        private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);
        private readonly Dictionary<string, LesionAttributes> _attributes = new(StringComparer.Ordinal);
        private readonly List<(string Image, string Lesion)> _images = [];
        private ILookup<string, string>? _byLesion;

        public List<string> Tables { get; } = [];

        public static bool IsOther(string imageType) => !imageType.Contains("dermoscop", StringComparison.OrdinalIgnoreCase);

        public static ImageAttributes Read(IEnumerable<(string Path, IReadOnlySet<string> Columns)> tables, bool byLesion)
        {
            ImageAttributes attributes = new();
            foreach ((string path, IReadOnlySet<string> columns) in tables)
            {
                attributes.Tables.Add(path);
                string key = ImageColumns.First(columns.Contains);
                foreach (CsvRow row in CsvTable.Read(path, key, "a table of images").Rows)
                {
                    string image = ImageNames.Of(row[key]!);
                    if (row["lesion_id"] is { } lesion)
                    {
                        attributes._lesions.TryAdd(image, lesion);
                        if (byLesion)
                        {
                            attributes._images.Add((row[key]!, lesion));
                        }
                    }

                    if (row["image_type"] is { } type)
                    {
                        attributes._types.TryAdd(image, type);
                    }

                    if (LesionAttributes.Of(row) is { } given)
                    {
                        attributes._attributes[image] = attributes._attributes.TryGetValue(image, out LesionAttributes? before) ? before.Or(given) : given;
                    }
                }
            }

            return attributes;
        }

        public string? LesionOf(string image) => _lesions.GetValueOrDefault(ImageNames.Of(image));

        public LesionAttributes? Of(string image) => _attributes.GetValueOrDefault(ImageNames.Of(image));

        public string? OtherThanDermoscopy(string image) => _types.GetValueOrDefault(ImageNames.Of(image)) is { } type && IsOther(type) ? type : null;

        public IEnumerable<string> ImagesOf(string lesion) => (_byLesion ??= _images.ToLookup(i => i.Lesion, i => i.Image))[lesion];
    }
}
