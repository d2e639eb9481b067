using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The names of what is written about an image: the image's name with a suffix. A blob's name has 1,024 characters at most, so of a name that is too long the first ones
/// are kept, with a hash of the whole name.
/// </summary>
internal static partial class ResultName
{
    private const int MaxLength = 1024, HashLength = 32;

    /// <summary>The name of the blob about <c>lesions/{name}</c>. Two images never have the same.</summary>
    /// <param name="name">The image's name.</param>
    /// <param name="suffix"><see cref="LesionBlobs.ResultSuffix"/> or <see cref="LesionBlobs.HeatmapSuffix"/>.</param>
    public static string Of(string name, string suffix)
    {
        // A name that looks shortened is given a hash too: it could be another one's.
        if (name.Length + suffix.Length <= MaxLength && !IsShortened(name))
        {
            return name + suffix;
        }

        int kept = Math.Min(name.Length, MaxLength - suffix.Length - HashLength - 1);
        kept -= char.IsHighSurrogate(name[kept - 1]) ? 1 : 0;
        return $"{name[..kept]}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..HashLength]}{suffix}";
    }

    /// <summary>Whether a result's name without its suffix is not the image's name, which the document alone tells then.</summary>
    public static bool IsShortened(string name) => Shortened().IsMatch(name);

    [GeneratedRegex(@"~[0-9a-f]{32}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Shortened();
}
