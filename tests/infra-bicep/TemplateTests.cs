using System.Text.Json;
using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

public sealed class TemplateTests(BicepCli bicep)
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static TheoryData<string> Files => [.. Repository.BicepFiles];

    /// <summary>The files that no other one uses: what is said of them is said of those that they use as well.</summary>
    public static TheoryData<string> Roots => [.. Repository.BicepFiles.Where(f => !Repository.BicepFiles.Any(user => user.EndsWith(".bicep", StringComparison.Ordinal)
        && Repository.Read($"infra-bicep/{user}").Contains($"{Path.GetFileName(f)}'", StringComparison.Ordinal)))];

    [Theory]
    [MemberData(nameof(Roots))]
    public async Task Each_file_compiles_and_lints_without_a_warning(string file) =>
        Assert.Empty(await bicep.DiagnosticsAsync(Path.Combine(Repository.Infra, file)));

    [Fact]
    public async Task A_warning_in_a_file_that_is_used_is_one_of_the_file_that_uses_it()
    {
        using InfraCopy copy = new(linter: true);
        copy.Change("modules/private-dns-zone.bicep", "metadata ", "param unused string\nmetadata ");
        Assert.Contains(await bicep.DiagnosticsAsync(copy["main.bicep"]), d => d.Contains("no-unused-params", StringComparison.Ordinal) && d.Contains("private-dns-zone.bicep", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Each_file_is_formatted(string file)
    {
        string path = Path.Combine(Repository.Infra, file), formatted = await bicep.FormatAsync(path);
        if (Repository.Updates)
        {
            await File.WriteAllTextAsync(path, formatted, TestContext.Current.CancellationToken);
        }

        Assert.Equal(formatted, await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Every_rule_of_the_linter_is_an_error_but_those_that_fail_by_the_calendar()
    {
        JsonObject rules = JsonNode.Parse(Repository.Read("infra-bicep/bicepconfig.json"))!["analyzers"]!["core"]!["rules"]!.AsObject();
        string[] lenient = [.. rules.Where(r => (string)r.Value!["level"]! != "error").Select(r => r.Key)];
        Assert.Equal(["use-recent-api-versions", "use-recent-az-powershell-version", "use-recent-module-versions"], lenient);
        Assert.True(rules.Count > 35);
    }

    [Fact]
    public async Task A_fault_that_the_linter_knows_is_an_error()
    {
        using InfraCopy copy = new(linter: true);
        copy.Change("modules/budget.bicep", "param amount int", "param amount int\nparam unused string");
        Assert.Contains(await bicep.DiagnosticsAsync(copy["modules/budget.bicep"]), d => d.StartsWith("Error no-unused-params", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("dev")]
    [InlineData("prod")]
    public async Task What_an_environment_deploys_is_what_its_snapshot_says(string environment)
    {
        using InfraCopy copy = new();
        string actual = (await copy.With(environment).SnapshotAsync(bicep, environment)).ToJsonString(Indented) + "\n";
        string path = Path.Combine(Repository.Infra, "environments", $"{environment}.snapshot.json");
        if (Repository.Updates)
        {
            await File.WriteAllTextAsync(path, actual, TestContext.Current.CancellationToken);
        }

        Assert.True(File.Exists(path), $"{path} is missing; {Repository.UpdateVariable}=1 writes it.");
        Assert.Equal(await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken), actual);
    }
}
