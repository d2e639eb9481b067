using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Lentigo.InfraBicep.Tests;

/// <summary>A checkout with a copy of infra-bicep that a test may change, gone after it.</summary>
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
        ["LENTIGO_IMAGE_TAG"] = "1",
        ["LENTIGO_DEPLOYER_ID"] = "11111111-1111-1111-1111-111111111111",
        ["LENTIGO_KEY_MASTER"] = "not-a-key-master-0123456789abcdef",
        ["LENTIGO_KEY_FUNCTION"] = "not-a-key-function-0123456789abcdef",
        ["LENTIGO_KEY_BLOBS_EXTENSION"] = "not-a-key-blobs-0123456789abcdef",
    };

    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-infra-").FullName;

    /// <summary>
    /// Copies infra-bicep of the repository, or of another copy, without what no script or template reads. The linter is off in it: it takes most of the
    /// time of a compilation, and says what it has to say of the repository's own files.
    /// </summary>
    public InfraCopy(InfraCopy? of = null, bool linter = false)
    {
        string source = of?[""] ?? Repository.Infra;
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".snapshot.json", StringComparison.Ordinal) && !f.EndsWith(".md", StringComparison.Ordinal)))
        {
            string copy = this[Path.GetRelativePath(source, file)];
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        if (of is null)
        {
            JsonNode configuration = JsonNode.Parse(File.ReadAllText(this["bicepconfig.json"]))!;
            configuration["analyzers"]!["core"]!["enabled"] = linter;
            File.WriteAllText(this["bicepconfig.json"], configuration.ToJsonString());
        }
    }

    /// <summary>The checkout, which holds the copy as infra-bicep.</summary>
    public string Root => folder;

    public string this[string relative] => Path.Combine(folder, "infra-bicep", relative);

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
        Dictionary<string, string> values = new(Variables)
        {
            ["LENTIGO_CONNECT_EVENTS"] = File.ReadAllText(path).Contains("uploads: 'scan'", StringComparison.Ordinal) ? "false" : "true",
            ["LENTIGO_OPERATIONS_IMAGE"] = environment == "prod" ? "lentigo-operations:1" : "",
        };
        foreach ((string name, string value) in variables)
        {
            values[name] = value;
        }

        File.WriteAllText(path, Variable().Replace(File.ReadAllText(path), m => $"'{values.GetValueOrDefault(m.Groups["name"].Value, m.Groups["default"].Value)}'"));
        return this;
    }

    /// <summary>Sets how the app learns of uploads, whatever the environment says.</summary>
    public InfraCopy WithUploads(string environment, string uploads)
    {
        string path = this[$"environments/{environment}.bicepparam"];
        File.WriteAllText(path, Uploads().Replace(File.ReadAllText(path), $"uploads: '{uploads}'"));
        return this;
    }

    /// <summary>The parameter file with the values that a call of az would find in its variables, and those alone.</summary>
    public string WithOnly(string environment, IReadOnlyDictionary<string, string> variables) => Variable().Replace(
        File.ReadAllText(this[$"environments/{environment}.bicepparam"]), m => $"'{variables.GetValueOrDefault(m.Groups["name"].Value, m.Groups["default"].Value)}'");

    public async Task<JsonNode> SnapshotAsync(BicepCli bicep, string environment) => await bicep.SnapshotAsync(this[$"environments/{environment}.bicepparam"]);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [GeneratedRegex(@"uploads: '\w+'")]
    private static partial Regex Uploads();

    [GeneratedRegex(@"readEnvironmentVariable\('(?<name>\w+)', '(?<default>[^']*)'\)")]
    private static partial Regex Variable();
}
