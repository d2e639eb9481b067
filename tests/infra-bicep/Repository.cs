using System.Reflection;

namespace Lentigo.InfraBicep.Tests;

/// <summary>Where things lie in the checkout.</summary>
internal static class Repository
{
    /// <summary>Set to rewrite what is generated (snapshots, the parameters table, formatting) instead of comparing it.</summary>
    public const string UpdateVariable = "LENTIGO_UPDATE";

    public static string Root { get; } = Path.GetFullPath(Metadata("RepositoryRoot"));

    public static string Infra { get; } = Path.Combine(Root, "infra-bicep");

    public static bool Updates => Environment.GetEnvironmentVariable(UpdateVariable) is "1" or "true";

    public static IReadOnlyList<string> Environments { get; } = ["dev", "prod"];

    public static IEnumerable<string> BicepFiles { get; } =
        [.. Directory.EnumerateFiles(Infra, "*.bicep*", SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Infra, f))
            .Where(f => Path.GetExtension(f) is ".bicep" or ".bicepparam").Order(StringComparer.Ordinal)];

    public static string Read(string relative) => File.ReadAllText(Path.Combine(Root, relative));

    public static string Metadata(string key) =>
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}
