using Lentigo.Core;

namespace Lentigo.Training.Data;

/// <summary>The label in a row of a table.</summary>
/// <param name="Label">0 to 6, or -1 for an unlabeled image.</param>
/// <param name="LeftOut">The diagnosis if it is none of the seven classes; otherwise null.</param>
internal readonly record struct RowLabel(int Label, string? LeftOut = null);

/// <summary>A layout of the tables that label images, recognized by its columns.</summary>
/// <param name="Name">The name that <c>--format</c> takes.</param>
/// <param name="Title">The display name.</param>
/// <param name="Content">The content of such a file, for messages.</param>
/// <param name="Key">The column that names images, or lesions.</param>
/// <param name="Fits">Whether a file with these columns has this layout.</param>
/// <param name="Columns">The required columns besides the key.</param>
/// <param name="LabelOf">The class that a row of a file gives.</param>
internal sealed record TableFormat(
    string Name, string Title, string Content, string Key, Func<IReadOnlySet<string>, bool> Fits, IReadOnlyList<string> Columns, Func<CsvRow, string,
        RowLabel> LabelOf)
{
    // The most specific first: the archive's diagnosis_1 is 'Benign' or 'Malignant', diagnosis_3 such as 'Nevus'.
    private static readonly string[] DiagnosisColumns = ["diagnosis_5", "diagnosis_4", "diagnosis_3", "diagnosis_2", "diagnosis_1", "diagnosis"];

    private static readonly string[] Isic2018Classes = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"];
    private static readonly string[] Isic2019Classes = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"];
    private static readonly string[] Milk10kClasses = ["AKIEC", "BCC", "BEN_OTH", "BKL", "DF", "INF", "MAL_OTH", "MEL", "NV", "SCCKA", "VASC"];

    /// <summary>The layouts, in the order in which they are tried.</summary>
    public static IReadOnlyList<TableFormat> All { get; } =
    [
        new("ham10000", "HAM10000", "HAM10000's metadata", "image_id", c => c.Contains("image_id") && c.Contains("dx"), [], HamLabel),
        OneHot("milk10k", "MILK10k", "the ground truth of MILK10k", "lesion_id", c => c.Contains("lesion_id") && c.Contains("MEL") && c.Contains("SCCKA"),
            Milk10kClasses),
        OneHot("isic2019", "ISIC 2019", "the ground truth of ISIC 2019", "image",
            c => c.Contains("image") && c.Contains("MEL") && c.Contains("NV") && (c.Contains("SCC") || c.Contains("UNK") || c.Contains("AK")), Isic2019Classes),
        OneHot("isic2018", "ISIC 2018 Task 3", "the ground truth of ISIC 2018 Task 3", "image",
            c => c.Contains("image") && c.Contains("MEL") && c.Contains("NV"), Isic2018Classes),
        new("isic2020", "ISIC 2020", "the ground truth of ISIC 2020", "image_name",
            c => c.Contains("image_name") && (c.Contains("diagnosis") || c.Contains("target")), [], DiagnosisLabel),
        new("bcn20000", "BCN20000", "BCN20000's table", "bcn_filename", c => c.Contains("bcn_filename") && c.Contains("diagnosis"), [], DiagnosisLabel),
        new("isic-archive", "ISIC archive", "the ISIC archive's metadata", "isic_id", c => c.Contains("isic_id") && DiagnosisColumns.Any(c.Contains), [],
            DiagnosisLabel),
    ];

    /// <summary>Whether the rows name lesions, whose images another table names.</summary>
    public bool IsByLesion => Key == "lesion_id";

    /// <summary>The layout of a file, or null where its columns label no images.</summary>
    public static TableFormat? Of(IReadOnlySet<string> columns) => All.FirstOrDefault(f => f.Fits(columns));

    /// <summary>The layout that <c>--format</c> names.</summary>
    /// <exception cref="DataSetException">There is none.</exception>
    public static TableFormat Find(string name) => All.FirstOrDefault(f => f.Name == name)
        ?? throw new DataSetException($"There is no format '{name}'. Known: {string.Join(", ", All.Select(f => f.Name))}, {ClassFolders.FormatName}.");

    private static TableFormat OneHot(string name, string title, string content, string key, Func<IReadOnlySet<string>, bool> fits, string[] classes) =>
        new(name, title, content, key, fits, classes, (row, path) =>
    {
        double[] values = [.. classes.Select(row.Number)];
        int[] ones = [.. Enumerable.Range(0, values.Length).Where(i => values[i] == 1)];
        if (ones.Length != 1 || !values.All(v => v is 0 or 1))
        {
            throw new DataSetException(
                $"{path}, line {row.Line}: {(key == "image" ? "image" : "lesion")} {row[key]} must have 1 in exactly one of the columns "
                    + $"{string.Join(", ", classes)} and 0 in the others. Correct the line or take it out.");
        }

        int label = Diagnoses.Find(classes[ones[0]])!.Value;
        return label == Diagnoses.LeftOut ? new(-1, classes[ones[0]]) : new(label);
    });

    private static RowLabel HamLabel(CsvRow row, string path)
    {
        if (row["dx"] is not { } code)
        {
            return new(-1);
        }

        int label = LesionClasses.IndexOf(code);
        return label >= 0 ? new(label) : throw new DataSetException(
            $"{path}, line {row.Line}: the class code '{code}' of image {row["image_id"]} is not one of {string.Join(", ", LesionClasses.Codes)}. Correct the "
                + "line or take it out.");
    }

    /// <summary>The most specific diagnosis that is known. ISIC 2020's <c>target</c> 1 is a melanoma.</summary>
    private static RowLabel DiagnosisLabel(CsvRow row, string path)
    {
        string? mostSpecific = null;
        foreach (string diagnosis in DiagnosisColumns.Select(c => row[c]).OfType<string>())
        {
            mostSpecific ??= diagnosis;
            if (Diagnoses.Find(diagnosis) is { } label)
            {
                return label == Diagnoses.LeftOut ? new(-1, diagnosis) : new(label);
            }
        }

        return row.Number("target") == 1 ? new(LesionClasses.IndexOf("mel")) : new(-1, mostSpecific ?? "no diagnosis");
    }
}
