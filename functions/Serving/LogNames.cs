using System.Security.Cryptography;
using System.Text;

namespace Lentigo.Functions.Serving;

/// <summary>How the log names an image: by its blob's name, or by a hash where names may hold patients' data.</summary>
public sealed class LogNames(ServingOptions options)
{
    private const int HashLength = 16;
    private readonly byte[]? key = options.HashNames ? Encoding.UTF8.GetBytes(options.HashNamesKey) : null;

    /// <summary>
    /// The name as it is or, with <see cref="ServingOptions.HashNames"/>, <c>name-</c> and the first 16 hexadecimal digits of its HMAC-SHA-256 under <see cref="ServingOptions.HashNamesKey"/>. Line
    /// breaks become spaces, so that no name can forge a line.
    /// </summary>
    public string Of(string name) => key is null
        ? name.ReplaceLineEndings(" ")
        : "name-" + Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(name)))[..HashLength];
}
