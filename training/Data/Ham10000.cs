using System.Collections.Concurrent;
using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using Lentigo.Core;
using Lentigo.Core.Imaging;
using NetVips;
using static TorchSharp.torch;

namespace Lentigo.Training.Data;

/// <summary>
/// HAM10000 as it is distributed (Tschandl et al. 2018, doi:10.7910/DVN/DBW86T): a CSV with the columns <c>lesion_id, image_id, dx</c> and
/// images named after <c>image_id</c>, beside the CSV or in any folder below it (<c>HAM10000_images_part_1</c>, ...).
/// </summary>
public static class Ham10000
{
    /// <summary>The CSV's usual name.</summary>
    public const string MetadataFileName = "HAM10000_metadata.csv";

    private static readonly string[] ImageExtensions = [".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"];

    /// <summary>Reads the folder; images are decoded in parallel.</summary>
    /// <inheritdoc cref="DataSets.Open"/>
    public static LesionDataSet Read(string folder, int size, bool skipMissing, Action<string> warn)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(warn);
        string csv = FindMetadata(folder);
        List<(string Image, string? Lesion, int Label)> rows = ReadMetadata(csv);
        Dictionary<string, string> files = FindImages(folder);

        string[] missing = [.. rows.Where(r => !files.ContainsKey(r.Image)).Select(r => r.Image)];
        if (missing.Length > 0)
        {
            string what = $"{missing.Length} of the {rows.Count} images in {csv} are not on disk (the first: {string.Join(", ", missing.Take(5))})";
            if (!skipMissing)
            {
                throw new DataSetException($"{what}. Unpack every HAM10000_images_part_* folder beside the CSV, or leave them out with --skip-missing.");
            }

            warn($"{what}; they are left out.");
            rows.RemoveAll(r => !files.ContainsKey(r.Image));
        }

        if (rows.Count == 0)
        {
            throw new DataSetException($"The data set {folder} holds no images.");
        }

        return Decode(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder))), rows, files, size);
    }

    private static LesionDataSet Decode(string name, List<(string Image, string? Lesion, int Label)> rows, Dictionary<string, string> files, int size)
    {
        Tensor pixels = empty([rows.Count, size, size, 3], dtype: ScalarType.Byte);
        LesionRecord[] records = new LesionRecord[rows.Count];
        ConcurrentBag<string> unreadable = [];
        Parallel.For(0, rows.Count, i =>
        {
            (string image, string? lesion, int label) = rows[i];
            byte[] file = File.ReadAllBytes(files[image]);
            try
            {
                byte[] decoded = LesionImage.Decode(file, size, new ImageLimits());
                using Tensor row = pixels[i];
                decoded.CopyTo(row.bytes);
                using Image header = Image.NewFromBuffer(file);
                string stratum = header.Width == header.Height ? $"{header.Width}" : $"{header.Width}x{header.Height}";
                records[i] = new(image, label, lesion, stratum);
            }
            catch (ImageRejectedException e)
            {
                unreadable.Add($"{files[image]} ({e.Message})");
            }
        });
        if (!unreadable.IsEmpty)
        {
            pixels.Dispose();
            string[] listed = [.. unreadable.Order(StringComparer.Ordinal)];
            throw new DataSetException(
                $"{listed.Length} images cannot be decoded: {string.Join("; ", listed.Take(5))}. Replace the files, or take their rows out of the CSV.");
        }

        return new(name, records, pixels);
    }

    private static string FindMetadata(string folder)
    {
        string usual = Path.Combine(folder, MetadataFileName);
        if (File.Exists(usual))
        {
            return usual;
        }

        string[] others = [.. Directory.EnumerateFiles(folder, "*metadata*").Where(f => Path.GetExtension(f) is "" or ".csv")];
        return others.Length == 1
            ? others[0]
            : throw new DataSetException(
                $"{folder} has no metadata CSV: {usual} is missing. It comes with HAM10000 (doi:10.7910/DVN/DBW86T) and has the columns lesion_id, image_id, dx; put it beside the image folders.");
    }

    private static Dictionary<string, string> FindImages(string folder)
    {
        Dictionary<string, string> files = new(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            if (ImageExtensions.Contains(Path.GetExtension(file), StringComparer.OrdinalIgnoreCase))
            {
                files.TryAdd(Path.GetFileNameWithoutExtension(file), file);
            }
        }

        return files;
    }

    private static List<(string Image, string? Lesion, int Label)> ReadMetadata(string path)
    {
        List<(string Image, string? Lesion, int Label)> rows = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        try
        {
            using StreamReader text = new(path);
            using CsvReader csv = new(text, new CsvConfiguration(CultureInfo.InvariantCulture) { TrimOptions = TrimOptions.Trim });
            if (!csv.Read() || !csv.ReadHeader() || !csv.HeaderRecord!.Contains("image_id"))
            {
                throw new DataSetException($"{path} is not HAM10000's metadata: its first line must name the column image_id (and dx, lesion_id).");
            }

            bool hasLesion = csv.HeaderRecord!.Contains("lesion_id"), hasLabel = csv.HeaderRecord!.Contains("dx");
            while (csv.Read())
            {
                string image = csv.GetField("image_id")!;
                string? code = hasLabel ? csv.GetField("dx") : null;
                int label = string.IsNullOrEmpty(code) ? -1 : LesionClasses.IndexOf(code);
                if (label < 0 && !string.IsNullOrEmpty(code))
                {
                    throw new DataSetException(
                        $"{path}, line {csv.Parser.Row}: the class code '{code}' of image {image} is not one of {string.Join(", ", LesionClasses.Codes)}. Correct the line or take it out.");
                }

                if (!seen.Add(image))
                {
                    throw new DataSetException($"{path}, line {csv.Parser.Row}: the image {image} is listed twice. Keep one of the lines.");
                }

                string? lesion = hasLesion ? csv.GetField("lesion_id") : null;
                rows.Add((image, string.IsNullOrEmpty(lesion) ? null : lesion, label));
            }
        }
        catch (CsvHelperException e)
        {
            throw new DataSetException($"{path} is not a readable CSV: {e.Message.Split('\n')[0].Trim()}", e);
        }

        return rows;
    }
}
