using System.Security.Cryptography;
using System.Text;
using Lentigo.Functions.Local.Settings;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Local.Http;

/// <summary>Demands the key of an HTTP function's level, where the settings ask for keys.</summary>
internal static class FunctionKeys
{
    /// <summary>Whether the request may call a function of the given level: its key stands in the header <c>x-functions-key</c> or the query's <c>code</c>.</summary>
    public static bool Admits(LauncherOptions options, HttpRequest request, string level)
    {
        if (!options.RequireKeys || level.Equals("Anonymous", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        string? key = request.Headers["x-functions-key"].FirstOrDefault() ?? request.Query["code"].FirstOrDefault();
        return AreEqual(key, options.MasterKey) || (level.Equals("Function", StringComparison.OrdinalIgnoreCase) && AreEqual(key, options.FunctionKey));
    }

    /// <summary>Compares hashes in constant time, so that the time tells nothing of the key.</summary>
    private static bool AreEqual(string? key, string? expected) =>
        !string.IsNullOrEmpty(key) && !string.IsNullOrEmpty(expected)
        && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(key)), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));
}
