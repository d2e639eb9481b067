using Microsoft.Extensions.Configuration;

namespace Lentigo.Functions.Local.Hosting;

/// <summary>What the local runtime can be told beside host.json: the section <c>LocalRuntime</c> of the settings.</summary>
internal sealed record LocalRuntimeOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "LocalRuntime";

    /// <summary>Whether keys are demanded as in Azure; without it every call is let in, as the Functions tools do.</summary>
    public bool RequireKeys { get; init; }

    /// <summary>The key of the level Function.</summary>
    public string? FunctionKey { get; init; }

    /// <summary>The key of every level.</summary>
    public string? MasterKey { get; init; }

    /// <summary>Origins that browsers may call from, separated by commas; <c>*</c> is any. Stands under Host in local.settings.json.</summary>
    public string? Cors { get; init; }

    /// <summary>Whether such calls may carry credentials.</summary>
    public bool CorsCredentials { get; init; }

    /// <summary>Where Azurite keeps its data; without it <c>.azurite</c> beside package.json.</summary>
    public string? AzuriteFolder { get; init; }

    /// <summary>Reads the section.</summary>
    public static LocalRuntimeOptions Read(IConfiguration configuration) => configuration.GetSection(Section).Get<LocalRuntimeOptions>() ?? new();
}
