using System.Security.Cryptography;
using System.Text;
using Lentigo.Functions.Local.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;

namespace Lentigo.Functions.Local.Http;

/// <summary>Demands the key of an HTTP function's level, where the settings ask for keys.</summary>
internal sealed class FunctionKeys
{
    private readonly LocalRuntimeOptions options;

    /// <summary>Checks the settings.</summary>
    /// <exception cref="InvalidOperationException">Keys are demanded but none is set.</exception>
    public FunctionKeys(LocalRuntimeOptions options)
    {
        this.options = options;
        if (options.RequireKeys && string.IsNullOrEmpty(options.FunctionKey) && string.IsNullOrEmpty(options.MasterKey))
        {
            throw new InvalidOperationException(
                $"{LocalRuntimeOptions.Section}__RequireKeys is true, but neither {LocalRuntimeOptions.Section}__FunctionKey nor {LocalRuntimeOptions.Section}__MasterKey is set, so nobody could call.");
        }
    }

    /// <summary>Whether the request may call a function of the given level: its key stands in the header <c>x-functions-key</c> or the query's <c>code</c>.</summary>
    public bool Admits(HttpRequest request, AuthorizationLevel level)
    {
        if (!options.RequireKeys || level == AuthorizationLevel.Anonymous)
        {
            return true;
        }

        string? key = request.Headers["x-functions-key"].FirstOrDefault() ?? request.Query["code"].FirstOrDefault();
        return Same(key, options.MasterKey) || (level is AuthorizationLevel.Function && Same(key, options.FunctionKey));
    }

    private static bool Same(string? key, string? expected) =>
        !string.IsNullOrEmpty(key) && !string.IsNullOrEmpty(expected)
        && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(key)), SHA256.HashData(Encoding.UTF8.GetBytes(expected)));
}
