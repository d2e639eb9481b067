using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Lentigo.Functions.Serving;

/// <summary>
/// The names of the blobs written for an image: the image's name plus a suffix. A blob's name has at most 1,024 characters, so a name that is too long is
/// truncated and a hash of the whole name is appended.
/// </summary>
internal static partial class ResultName
{
    private const int MaxLength = 1024, HashLength = 32;

    /// <summary>The name of a blob written for <c>lesions/{name}</c>. It is unique for each image.</summary>
    /// <param name="name">The image's name.</param>
    /// <param name="suffix"><see cref="LesionBlobs.ResultSuffix"/> or <see cref="LesionBlobs.HeatmapSuffix"/>.</param>
    public static string Of(string name, string suffix)
    {
        // A name that looks shortened gets a hash too: it could be the shortened form of another name.
        if (name.Length + suffix.Length <= MaxLength && !IsShortened(name))
        {
            return name + suffix;
        }

        int kept = Math.Min(name.Length, MaxLength - suffix.Length - HashLength - 1);
        kept -= char.IsHighSurrogate(name[kept - 1]) ? 1 : 0;
        return $"{name[..kept]}~{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(name)))[..HashLength]}{suffix}";
    }

    /// <summary>Whether a result's name without its suffix differs from the image's name, which then is only found in the document.</summary>
    public static bool IsShortened(string name) => Shortened().IsMatch(name);

    [GeneratedRegex(@"~[0-9a-f]{32}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Shortened();
}
