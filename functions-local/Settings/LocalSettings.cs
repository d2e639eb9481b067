using Microsoft.Extensions.Configuration;

namespace Lentigo.Functions.Local.Settings;

/// <summary>
/// The settings of an app on this machine, read as the Functions host and its tools do. In order of increasing precedence: <c>host.json</c>, as the section
/// <see cref="HostSection"/>; the Values of <c>local.settings.json</c>, which are treated like environment variables; the environment variables; the command
/// line. Each source can override host.json with settings of that section.
/// </summary>
internal sealed class LocalSettings
{
    /// <summary>The section that contains host.json.</summary>
    public const string HostSection = "AzureFunctionsJobHost";

    /// <summary>The setting with the app's storage account.</summary>
    public const string StorageSetting = "AzureWebJobsStorage";

    private const string SettingsFile = "local.settings.json";
    private const string SampleFile = "local.settings.sample.json";

    private LocalSettings(string folder, IConfiguration configuration, IReadOnlyDictionary<string, string> workerEnvironment)
    {
        Folder = folder;
        Configuration = configuration;
        WorkerEnvironment = workerEnvironment;
        Options = LauncherOptions.Read(configuration);
    }

    /// <summary>The folder that the files were read from.</summary>
    public string Folder { get; }

    /// <summary>All settings.</summary>
    public IConfiguration Configuration { get; }

    /// <summary>The launcher's own options.</summary>
    public LauncherOptions Options { get; }

    /// <summary>The environment variables to pass to the worker: the Values of local.settings.json that the environment does not already define.</summary>
    public IReadOnlyDictionary<string, string> WorkerEnvironment { get; }

    /// <summary>Reads the settings.</summary>
    /// <param name="folder">The folder of host.json and local.settings.json. If the latter does not exist, local.settings.sample.json is used.</param>
    /// <param name="commandLine">Arguments of the form <c>--port 7072</c> or <c>--Lentigo:Model=mine</c>.</param>
    /// <exception cref="LaunchException">A file or a value is invalid.</exception>
    public static LocalSettings Read(string folder, string[] commandLine)
    {
        Dictionary<string, string?> values = new(StringComparer.OrdinalIgnoreCase)
        {
            ["AzureWebJobsConfigurationSection"] = HostSection, // where the WebJobs SDK looks for extensions:blobs and extensions:queues
            ["Logging:LogLevel:Default"] = "Information",
            ["Logging:LogLevel:Microsoft.AspNetCore"] = "Warning",
            ["Logging:LogLevel:Microsoft.Hosting"] = "Warning",
            ["Logging:LogLevel:Microsoft.Extensions.Hosting.Internal.Host"] = "None", // startup failures are reported in one sentence instead
            ["Logging:LogLevel:Microsoft.Azure.WebJobs"] = "Warning",
            ["Logging:LogLevel:Yarp"] = "Error", // disconnecting or stalling callers are not a fault of the app
            ["Logging:LogLevel:Grpc"] = "Warning",
        };
        foreach ((string key, string? value) in ReadJson(Path.Combine(folder, "host.json")).AsEnumerable())
        {
            values[$"{HostSection}:{key}"] = value;
            if (key.StartsWith("logging:logLevel:", StringComparison.OrdinalIgnoreCase))
            {
                values[key] = value;
            }
        }

        string settings = Path.Combine(folder, SettingsFile);
        IConfiguration local = ReadJson(File.Exists(settings) ? settings : Path.Combine(folder, SampleFile));
        if (local["IsEncrypted"] is { } encrypted && !encrypted.Equals("false", StringComparison.OrdinalIgnoreCase))
        {
            throw new LaunchException($"{SettingsFile} is encrypted, which only the Functions tools can read. Copy {SampleFile} to {SettingsFile} and fill it in.");
        }

        Dictionary<string, string> workerEnvironment = [];
        foreach ((string key, string? value) in local.GetSection("Values").AsEnumerable(makePathsRelative: true).Where(v => v.Value is not null))
        {
            string variable = key.Replace(ConfigurationPath.KeyDelimiter, "__", StringComparison.Ordinal);
            values[key.Replace("__", ConfigurationPath.KeyDelimiter, StringComparison.Ordinal)] = value;
            if (Environment.GetEnvironmentVariable(variable) is null)
            {
                workerEnvironment[variable] = value!;
            }
        }

        foreach ((string key, string? value) in local.GetSection("Host").AsEnumerable(makePathsRelative: true))
        {
            values[$"{LauncherOptions.Section}:{key}"] = value;
        }

        try
        {
            IConfigurationRoot configuration = new ConfigurationBuilder()
                .AddInMemoryCollection(values.Where(v => v.Key.Length > 0 && v.Value is not null))
                .AddEnvironmentVariables()
                .AddCommandLine(commandLine, new Dictionary<string, string> { ["--port"] = $"{LauncherOptions.Section}:{nameof(LauncherOptions.LocalHttpPort)}" })
                .Build();
            return new(folder, configuration, workerEnvironment);
        }
        catch (FormatException e)
        {
            throw new LaunchException($"The command line cannot be read: {e.Message} Pass settings as --name value, e.g. --port 7072.", e);
        }
    }

    /// <summary>
    /// Whether settings disable a function. All spellings are supported: <c>AzureWebJobs.{function}.Disabled</c>, and for systems whose environment variables
    /// cannot contain dots <c>AzureWebJobs_{function}_Disabled</c> and <c>AzureWebJobs__{function}__Disabled</c>.
    /// </summary>
    public bool IsDisabled(string function) =>
        ((string[])[$"AzureWebJobs.{function}.Disabled", $"AzureWebJobs_{function}_Disabled", $"AzureWebJobs:{function}:Disabled"]).Any(name => Configuration[name] is { } value && (value == "1" || value.Equals("true", StringComparison.OrdinalIgnoreCase)));

    private static IConfigurationRoot ReadJson(string path)
    {
        try
        {
            return new ConfigurationBuilder().AddJsonFile(path, optional: true, reloadOnChange: false).Build();
        }
        catch (InvalidDataException e)
        {
            throw new LaunchException($"{path} is not valid JSON: {e.InnerException?.Message ?? e.Message} Correct it.", e);
        }
    }
}
