using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Lentigo.Functions.Local.Settings;

/// <summary>
/// The launcher's own options: the settings section <c>Launcher</c>, which includes the section Host of local.settings.json, and the parts of host.json that
/// the WebJobs SDK does not read, with the defaults of the Functions host (host.json reference, Azure Functions 4.x).
/// </summary>
internal sealed record LauncherOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Launcher";

    /// <summary>The localhost port of the web page and the API.</summary>
    public int LocalHttpPort { get; init; } = 7071;

    /// <summary>Whether function keys are required, as in Azure. If false, all calls are allowed, as with the Functions Core Tools.</summary>
    public bool RequireKeys { get; init; }

    /// <summary>The key for functions of the authorization level Function.</summary>
    public string? FunctionKey { get; init; }

    /// <summary>The master key, valid for every authorization level.</summary>
    public string? MasterKey { get; init; }

    /// <summary>The allowed CORS origins, separated by commas; <c>*</c> allows any.</summary>
    public string? Cors { get; init; }

    /// <summary>Whether cross-origin calls may include credentials.</summary>
    public bool CorsCredentials { get; init; }

    /// <summary>The data folder of Azurite; <c>.azurite</c> next to package.json by default.</summary>
    public string? AzuriteFolder { get; init; }

    /// <summary><c>functionTimeout</c> of host.json; null for no limit.</summary>
    public TimeSpan? FunctionTimeout { get; private init; }

    /// <summary><c>extensions.http.routePrefix</c> of host.json.</summary>
    public string RoutePrefix { get; private init; } = "api";

    /// <summary><c>extensions.http.maxConcurrentRequests</c> of host.json; -1 for no limit.</summary>
    public int MaxConcurrentRequests { get; private init; }

    /// <summary><c>extensions.http.maxOutstandingRequests</c> of host.json, running and queued requests together; -1 for no limit.</summary>
    public int MaxOutstandingRequests { get; private init; }

    /// <summary>
    /// The host id, which identifies this app's blob receipts and queue in the storage account: the setting <c>AzureFunctionsWebHost__hostId</c>.
    /// </summary>
    public string HostId { get; private init; } = "lentigo-local";

    /// <summary>Reads the options.</summary>
    /// <exception cref="LaunchException">A value has the wrong type or is out of range.</exception>
    public static LauncherOptions Read(IConfiguration configuration)
    {
        IConfigurationSection host = configuration.GetSection(LocalSettings.HostSection), http = host.GetSection("extensions:http");
        LauncherOptions options;
        try
        {
            options = (configuration.GetSection(Section).Get<LauncherOptions>() ?? new()) with
            {
                FunctionTimeout = host["functionTimeout"] switch
                {
                    null => TimeSpan.FromMinutes(30),
                    "-1" => null,
                    string timeout => TimeSpan.Parse(timeout, CultureInfo.InvariantCulture),
                },
                RoutePrefix = http["routePrefix"] ?? "api",
                MaxConcurrentRequests = http.GetValue("maxConcurrentRequests", -1),
                MaxOutstandingRequests = http.GetValue("maxOutstandingRequests", -1),
                HostId = configuration["AzureFunctionsWebHost:hostId"] is { Length: > 0 } id ? id : "lentigo-local",
            };
        }
        catch (Exception e) when (e is FormatException or OverflowException or InvalidOperationException)
        {
            throw new LaunchException($"host.json or a setting contains an invalid value: {e.Message} Correct it and start again.", e);
        }

        string? fault = options switch
        {
            { LocalHttpPort: < 1 or > 65535 } => $"LocalHttpPort {options.LocalHttpPort} is not between 1 and 65535",
            { FunctionTimeout: { } time } when time <= TimeSpan.Zero => $"functionTimeout {time} is not above zero",
            { RequireKeys: true, FunctionKey: null or "", MasterKey: null or "" } =>
                $"{Section}__RequireKeys is true, but neither {Section}__FunctionKey nor {Section}__MasterKey is set, so nobody could call",
            _ => null,
        };
        return fault is null ? options : throw new LaunchException($"{fault}. Correct it and start again.");
    }
}
