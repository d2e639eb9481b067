using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;

namespace Lentigo.Training.Data;

/// <summary>A row of a CSV.</summary>
/// <param name="Line">Its line in the file, from 1.</param>
/// <param name="Fields">Its fields by column name, ignoring case.</param>
internal sealed record CsvRow(int Line, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>A field, or null where it is empty or the table has no such column.</summary>
    public string? this[string column] => Fields.TryGetValue(column, out string? value) && value.Length > 0 ? value : null;

    /// <summary>A field as a number, with a decimal point or comma; NaN where it is not a number.</summary>
    public double Number(string column) =>
        double.TryParse(this[column]?.Replace(',', '.'), NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : double.NaN;
}

/// <summary>A table with a header line whose fields are separated by commas, semicolons or tabs.</summary>
/// <param name="Path">The file.</param>
/// <param name="Columns">The header's names.</param>
/// <param name="Rows">The rows.</param>
internal sealed record CsvTable(string Path, IReadOnlyList<string> Columns, IReadOnlyList<CsvRow> Rows)
{
    private static readonly char[] Delimiters = [',', ';', '\t'];

    /// <summary>The column names in the first line of a file, compared ignoring case.</summary>
    public static IReadOnlySet<string> ColumnsOf(string path)
    {
        using StreamReader text = new(path);
        string header = text.ReadLine() ?? "";
        return header.Split(DelimiterOf(header)).Select(c => c.Trim().Trim('"').Trim()).ToHashSet(StringComparer.OrdinalIgnoreCase);
    }

    /// <summary>Reads the whole file and checks that each row has all fields of the header.</summary>
    /// <exception cref="DataSetException">The file is not a CSV, lacks a column, names an image twice or has an incomplete row.</exception>
    /// <param name="path">The file.</param>
    /// <param name="idColumn">The column that identifies images; each image occurs once.</param>
    /// <param name="content">What the file should be, for the error message: <c>HAM10000's metadata</c>.</param>
    /// <param name="columns">Further required columns.</param>
    public static CsvTable Read(string path, string idColumn, string content, params string[] columns)
    {
        try
        {
            string first = System.IO.File.ReadLines(path).FirstOrDefault() ?? "";
            using StreamReader text = new(path);
            using CsvReader csv = new(text,
                new CsvConfiguration(CultureInfo.InvariantCulture) { TrimOptions = TrimOptions.Trim, Delimiter = $"{DelimiterOf(first)}" });
            string[] header = csv.Read() && csv.ReadHeader() ? csv.HeaderRecord! : [];
            string[] lacking = [.. columns.Prepend(idColumn).Except(header, StringComparer.OrdinalIgnoreCase)];
            if (lacking.Length > 0)
            {
                throw new DataSetException($"{path} is not {content}: its first line must name the columns {string.Join(", ", columns.Prepend(idColumn))}, but "
                    + $"lacks {string.Join(", ", lacking)}.");
            }

            List<CsvRow> rows = [];
            HashSet<string> seen = new(StringComparer.Ordinal);
            while (csv.Read())
            {
                string[] record = csv.Parser.Record!;
                if (record.Length < header.Length)
                {
                    throw new DataSetException($"{path}, line {csv.Parser.Row}: {record.Length} fields, but the first line names {header.Length}. Is the file "
                        + "complete?");
                }

                CsvRow row = new(csv.Parser.Row,
                    header.Zip(record).GroupBy(f => f.First, StringComparer.OrdinalIgnoreCase)
                    .ToDictionary(g => g.Key, g => g.First().Second, StringComparer.OrdinalIgnoreCase));
                string image = row[idColumn] ?? throw new DataSetException($"{path}, line {row.Line}: the column {idColumn} is empty. Fill it in, or take the "
                    + "line out.");
                if (!seen.Add(image))
                {
                    throw new DataSetException($"{path}, line {row.Line}: the image {image} is listed twice. Keep one of the lines.");
                }

                rows.Add(row);
            }

            return new(path, header, rows);
        }
        catch (CsvHelperException e)
        {
            throw new DataSetException($"{path} is not a readable CSV: {e.Message.Split('\n')[0].Trim()}", e);
        }
    }

    private static char DelimiterOf(string header) => Delimiters.MaxBy(d => header.Count(c => c == d));
}
