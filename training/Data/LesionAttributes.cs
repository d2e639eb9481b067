using System.Globalization;

namespace Lentigo.Training.Data;

/// <summary>Further attributes of an image from the table of the data set; null where unknown.</summary>
/// <param name="Age">The patient's age in years, as rounded by the data set.</param>
/// <param name="Sex">The patient's sex, lower case.</param>
/// <param name="Site">Where on the body the lesion is, lower case.</param>
/// <param name="Confirmation">How the diagnosis was made, such as <c>histo</c> or <c>follow_up</c>.</param>
internal sealed record LesionAttributes(double? Age, string? Sex, string? Site, string? Confirmation)
{
    // HAM10000's names first, then those of the ISIC archive and challenges.
    private static readonly string[] AgeColumns = ["age", "age_approx"];
    private static readonly string[] SexColumns = ["sex"];
    private static readonly string[] SiteColumns = ["localization", "anatom_site_general", "anatom_site_general_challenge", "anatom_site_special", "site"];
    private static readonly string[] ConfirmationColumns = ["dx_type", "diagnosis_confirm_type"];
    private static readonly string[] NotGiven = ["unknown", "nan", "na", "n/a", "none", "null"];

    /// <summary>The columns by which a table of patients and lesions is recognized.</summary>
    internal static IReadOnlyList<string> Columns { get; } = [.. AgeColumns, .. SexColumns, .. SiteColumns[..^1], .. ConfirmationColumns];

    /// <summary>The patient's age in groups of 15 years, or null where it is unknown.</summary>
    public string? AgeGroup => Age switch
    {
        null => null,
        < 30 => "under 30",
        < 45 => "30 to 44",
        < 60 => "45 to 59",
        < 75 => "60 to 74",
        _ => "75 and over",
    };

    /// <summary>Reads a row; null where it has none of the attributes.</summary>
    internal static LesionAttributes? Of(CsvRow row)
    {
        string? Text(string[] columns) => columns.Select(c => row[c]?.ToLowerInvariant()).FirstOrDefault(v => v is not null && !NotGiven.Contains(v));
        double? age = double.TryParse(Text(AgeColumns)?.Replace(',', '.'), NumberStyles.Float, CultureInfo.InvariantCulture, out double years)
            && years is >= 0 and <= 120 ? years : null;
        LesionAttributes attributes = new(age, Text(SexColumns), Text(SiteColumns), Text(ConfirmationColumns));
        return attributes == new LesionAttributes(null, null, null, null) ? null : attributes;
    }

    /// <summary>These attributes, completed with those of another table.</summary>
    internal LesionAttributes Or(LesionAttributes? other) =>
        other is null ? this : new(Age ?? other.Age, Sex ?? other.Sex, Site ?? other.Site, Confirmation ?? other.Confirmation);
}
