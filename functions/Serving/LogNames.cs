using System.Security.Cryptography;
using System.Text;

namespace Lentigo.Functions.Serving;

/// <summary>
/// How the log refers to an image: by a keyed hash of its blob's name, which may contain patient data, or by the name itself if the settings allow it.
/// </summary>
public sealed class LogNames(ServingOptions options)
{
    private const int HashLength = 16, RandomKeyBytes = 32;
    private readonly byte[]? key = !options.HashNames ? null
        : options.HashNamesKey.Length > 0 ? Encoding.UTF8.GetBytes(options.HashNamesKey)
        : RandomNumberGenerator.GetBytes(RandomKeyBytes);

    /// <summary>
    /// With <see cref="ServingOptions.HashNames"/>: <c>name-</c> and the first 16 hexadecimal digits of the name's HMAC-SHA-256 with
    /// <see cref="ServingOptions.HashNamesKey"/>. Otherwise the name itself, with line breaks replaced by spaces so that a name cannot forge a log line.
    /// </summary>
    public string Of(string name) => key is null
        ? name.ReplaceLineEndings(" ")
        : "name-" + Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(name)))[..HashLength];
}
