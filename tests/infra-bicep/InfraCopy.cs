using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Lentigo.InfraBicep.Tests;

/// <summary>A copy of infra-bicep that a test may change, gone after it.</summary>
internal sealed partial class InfraCopy : IDisposable
{
    /// <summary>What deploy.sh would set. The keys can be told from anything else in a snapshot.</summary>
    public static readonly IReadOnlyDictionary<string, string> Variables = new Dictionary<string, string>
    {
        ["LENTIGO_ALERT_EMAIL"] = "team@example.org",
        ["LENTIGO_SSH_PUBLIC_KEY"] = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleOfAPublicKey lentigo-training",
        ["LENTIGO_BUDGET_START"] = "2026-12-01",
        ["LENTIGO_FUNCTIONS_IMAGE"] = "lentigo-functions:1",
        ["LENTIGO_TRAINING_IMAGE"] = "lentigo-training:1",
        ["LENTIGO_DEPLOYER_ID"] = "11111111-1111-1111-1111-111111111111",
        ["LENTIGO_KEY_MASTER"] = "not-a-key-master-0123456789abcdef",
        ["LENTIGO_KEY_FUNCTION"] = "not-a-key-function-0123456789abcdef",
        ["LENTIGO_KEY_BLOBS_EXTENSION"] = "not-a-key-blobs-0123456789abcdef",
    };

    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-infra-").FullName;

    public InfraCopy()
    {
        foreach (string file in Directory.EnumerateFiles(Repository.Infra, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(folder, Path.GetRelativePath(Repository.Infra, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }

    public string this[string relative] => Path.Combine(folder, relative);

    /// <summary>Replaces a text that must be there.</summary>
    public InfraCopy Change(string relative, string from, string to)
    {
        string text = File.ReadAllText(this[relative]);
        Assert.True(text.Contains(from, StringComparison.Ordinal), $"{relative} does not contain: {from}");
        File.WriteAllText(this[relative], text.Replace(from, to, StringComparison.Ordinal));
        return this;
    }

    /// <summary>Gives the variables of an environment's parameter file their values: those of deploy.sh, unless given here.</summary>
    public InfraCopy With(string environment, params (string Name, string Value)[] variables)
    {
        string path = this[$"environments/{environment}.bicepparam"];
        Dictionary<string, string> values = new(Variables) { ["LENTIGO_CONNECT_EVENTS"] = environment == "dev" ? "true" : "false" };
        foreach ((string name, string value) in variables)
        {
            values[name] = value;
        }

        File.WriteAllText(path, Variable().Replace(File.ReadAllText(path), m => $"'{values.GetValueOrDefault(m.Groups["name"].Value, m.Groups["default"].Value)}'"));
        return this;
    }

    public async Task<JsonNode> SnapshotAsync(BicepCli bicep, string environment) => await bicep.SnapshotAsync(this[$"environments/{environment}.bicepparam"]);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [GeneratedRegex(@"readEnvironmentVariable\('(?<name>\w+)', '(?<default>[^']*)'\)")]
    private static partial Regex Variable();
}
