using System.Security.Cryptography;
using System.Text;

namespace Lentigo.Functions.Serving;

/// <summary>How the log names an image: by a keyed hash of its blob's name, which may hold patients' data, or by the name itself where a setting says so.</summary>
public sealed class LogNames(ServingOptions options)
{
    private const int HashLength = 16, RandomKeyBytes = 32;
    private readonly byte[]? key = !options.HashNames ? null
        : options.HashNamesKey.Length > 0 ? Encoding.UTF8.GetBytes(options.HashNamesKey)
        : RandomNumberGenerator.GetBytes(RandomKeyBytes);

    /// <summary>
    /// With <see cref="ServingOptions.HashNames"/> <c>name-</c> and the first 16 hexadecimal digits of the name's HMAC-SHA-256 under
    /// <see cref="ServingOptions.HashNamesKey"/>. Without it the name as it is, but for line breaks, which become spaces: no name can forge a line.
    /// </summary>
    public string Of(string name) => key is null
        ? name.ReplaceLineEndings(" ")
        : "name-" + Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(name)))[..HashLength];
}
