using System.Security.Cryptography;
using System.Text;
using Lentigo.Functions.Local.Settings;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Local.Http;

/// <summary>Checks function keys against the authorization level of an HTTP function, if the settings require keys.</summary>
internal static class FunctionKeys
{
    /// <summary>
    /// Whether the request may call a function of the given authorization level. The key is read from the header <c>x-functions-key</c> or the query parameter
    /// <c>code</c>.
    /// </summary>
    public static bool Admits(LauncherOptions options, HttpRequest request, string level)
    {
        if (!options.RequireKeys || level.Equals("Anonymous", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        string? key = request.Headers["x-functions-key"].FirstOrDefault() ?? request.Query["code"].FirstOrDefault();
        return AreEqual(key, options.MasterKey) || (level.Equals("Function", StringComparison.OrdinalIgnoreCase) && AreEqual(key, options.FunctionKey));
    }

    /// <summary>Compares hashes in constant time, so that timing reveals nothing about the key.</summary>
    private static bool AreEqual(string? key, string? expected) =>
        !string.IsNullOrEmpty(key) && !string.IsNullOrEmpty(expected)
        && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(key)), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));
}
