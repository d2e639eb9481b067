using System.Globalization;

namespace Lentigo.Training.Data;

/// <summary>
/// Where a data source is and how much of it is sampled: <c>folder</c>, <c>folder=table.csv</c> where the table is elsewhere, or
/// <c>file.npz</c>; each may end with <c>@weight</c>, such as <c>milk10k@0.5</c>.
/// </summary>
/// <param name="Path">The folder of images, the <c>.npz</c> file or the URL.</param>
/// <param name="Table">The CSV that labels the images; null to look in the folder.</param>
/// <param name="Weight">How often each image is sampled per epoch: 1 is once, 0.5 is every second epoch on average.</param>
internal sealed record DataLocation(string Path, string? Table = null, double Weight = 1)
{
    private const double MostWeight = 100;

    /// <summary>Parses a location from the command line. A path that exists as written, and a URL, is taken as a whole.</summary>
    /// <exception cref="DataSetException">The weight is not above 0 and at most 100.</exception>
    public static DataLocation Parse(string text)
    {
        if (System.IO.Path.Exists(text) || text.Contains("://", StringComparison.Ordinal))
        {
            return new(text);
        }

        double weight = 1;
        int at = text.LastIndexOf('@'), table = text.IndexOf('=', StringComparison.Ordinal);
        if (at > 0)
        {
            string number = text[(at + 1)..];
            if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out weight) || !(weight > 0 && weight <= MostWeight))
            {
                throw new DataSetException($"The weight '{number}' of {text[..at]} is not a number above 0 and at most {MostWeight}. Write it like "
                    + $"{text[..at]}@0.5.");
            }

            text = text[..at];
        }

        return table > 0 && table < text.Length ? new(text[..table], text[(table + 1)..], weight) : new(text, null, weight);
    }

    /// <summary>The location without its weight, as on the command line.</summary>
    public override string ToString() => Table is null ? Path : $"{Path}={Table}";
}
