using Microsoft.Extensions.Configuration;

namespace Lentigo.Functions.Local.Hosting;

/// <summary>
/// Reads <c>host.json</c> and <c>local.settings.json</c> as the Functions host and its tools do: host.json's values stand under
/// <c>AzureFunctionsJobHost</c>, where settings of that prefix override them; the Values of local.settings.json count like environment variables,
/// and real environment variables come before them.
/// </summary>
internal static class LocalConfiguration
{
    /// <summary>The section that holds host.json.</summary>
    public const string HostSection = "AzureFunctionsJobHost";

    private const string SettingsFile = "local.settings.json";
    private const string SampleFile = "local.settings.sample.json";

    /// <summary>Adds both files below what the configuration has already, and the address to listen on.</summary>
    /// <exception cref="InvalidDataException">A file is not what it should be.</exception>
    public static void Add(IConfigurationManager configuration, string appRoot)
    {
        Dictionary<string, string?> values = new(StringComparer.OrdinalIgnoreCase)
        {
            ["Logging:LogLevel:Default"] = "Information",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            ["Logging:LogLevel:Microsoft.Hosting"] = "Warning",
        };
        foreach ((string key, string? value) in Read(Path.Combine(appRoot, "host.json")).AsEnumerable())
        {
            values[$"{HostSection}:{key}"] = value;
            if (key.StartsWith("logging:logLevel:", StringComparison.OrdinalIgnoreCase))
            {
                values[key] = value;
            }
        }

        string settings = Path.Combine(appRoot, SettingsFile);
        IConfiguration local = Read(File.Exists(settings) ? settings : Path.Combine(appRoot, SampleFile));
        if (local.GetValue<bool>("IsEncrypted"))
        {
            throw new InvalidDataException($"{SettingsFile} is encrypted, which only the Functions tools can read. Copy {SampleFile} to {SettingsFile} and fill it in.");
        }

        foreach ((string key, string? value) in local.GetSection("Values").AsEnumerable(makePathsRelative: true))
        {
            values[key.Replace("__", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal)] = value;
        }

        foreach ((string key, string? value) in local.GetSection("Host").AsEnumerable(makePathsRelative: true))
        {
            values[$"{LocalRuntimeOptions.Section}:{key}"] = value;
        }

        values["urls"] = $"http://localhost:{local["Host:LocalHttpPort"] ?? "7071"}";
        configuration.Sources.Insert(0, new Microsoft.Extensions.Configuration.Memory.MemoryConfigurationSource { InitialData = values.Where(v => v.Key.Length > 0 && v.Value is not null) });
    }

    private static IConfigurationRoot Read(string path)
    {
        try
        {
            return new ConfigurationBuilder().AddJsonFile(path, optional: true, reloadOnChange: false).Build();
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{path} is not valid JSON: {e.InnerException?.Message ?? e.Message}", e);
        }
    }
}
