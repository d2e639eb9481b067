using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Lentigo.InfraBicep.Tests;

/// <summary>The tables of infra-bicep/README.md are made from the templates, and what it names exists.</summary>
public sealed partial class ReadmeTests(BicepCli bicep)
{
    private static readonly string Path = System.IO.Path.Combine(Repository.Infra, "README.md");

    [Fact]
    public async Task The_parameters_table_is_that_of_the_templates()
    {
        StringBuilder table = new("| parameter | values | dev | prod | what for |\n| --- | --- | --- | --- | --- |\n");
        JsonNode template = await bicep.CompileAsync(System.IO.Path.Combine(Repository.Infra, "main.bicep"));
        (JsonNode Values, Dictionary<string, string> Variables)[] environments = [await ValuesAsync("dev"), await ValuesAsync("prod")];
        foreach ((string name, JsonNode? parameter) in template["parameters"]!.AsObject())
        {
            AddRows(table, template, name, parameter!, isSecret: false, [.. environments.Select(e => (e.Values[name]?["value"] ?? Default(template, parameter!), e.Variables))]);
        }

        await CompareAsync("parameters", table.ToString());
    }

    [Fact]
    public async Task The_GPU_regions_table_is_that_of_the_templates()
    {
        JsonNode regions = JsonNode.Parse(Repository.Read("infra-bicep/gpu-regions.json"))!;
        string[] t4 = Names("t4"), a100 = Names("a100");
        StringBuilder table = new("| region | T4 | A100 |\n| --- | --- | --- |\n");
        foreach (string region in t4.Union(a100).Order(StringComparer.Ordinal))
        {
            table.Append(System.Globalization.CultureInfo.InvariantCulture, $"| {region} | {(t4.Contains(region) ? "yes" : "-")} | {(a100.Contains(region) ? "yes" : "-")} |\n");
        }

        await CompareAsync("gpu-regions", $"{table}\n{(string)regions["source"]!}\n");
        string[] Names(string gpu) => [.. regions[gpu]!.AsArray().Select(r => (string)r!)];
    }

    [Fact]
    public async Task The_cost_table_is_what_the_snapshots_cost_at_the_prices()
    {
        JsonNode prices = JsonNode.Parse(Repository.Read("infra-bicep/prices.json"))!;
        CostTable[] costs = [.. Repository.Environments.Select(e => new CostTable(new(JsonNode.Parse(Repository.Read($"infra-bicep/environments/{e}.snapshot.json"))!), prices, e))];
        StringBuilder table = new($"| a month | {string.Join(" | ", Repository.Environments)} | counted for {Repository.Environments[^1]} |\n| --- |{string.Concat(Repository.Environments.Select(_ => " --- |"))} --- |\n");
        foreach (string row in costs[0].Rows.Keys)
        {
            table.Append(System.Globalization.CultureInfo.InvariantCulture, $"| {row} | {string.Join(" | ", costs.Select(c => c.Rows[row].Dollars.ToString("#,0", System.Globalization.CultureInfo.InvariantCulture)))} | {costs[^1].Rows[row].Counted} |\n");
        }

        table.Append(System.Globalization.CultureInfo.InvariantCulture, $"| **sum** | {string.Join(" | ", costs.Select(c => $"**{c.Rows.Values.Sum(r => r.Dollars).ToString("#,0", System.Globalization.CultureInfo.InvariantCulture)}**"))} | budgets: {string.Join(" and ", costs.Select(c => c.Budget))} |\n");
        await CompareAsync("cost", table.ToString());
        Assert.All(costs, c => Assert.True(c.Rows.Values.Sum(r => r.Dollars) < c.Budget, "The budget of an environment must be above what it costs."));
    }

    [Fact]
    public void Each_container_and_each_alert_of_the_templates_is_explained()
    {
        string readme = File.ReadAllText(Path), storage = Repository.Read("infra-bicep/modules/storage.bicep");
        string[] containers = [.. Container().Match(storage).Groups[1].Value.Split('\n').Select(l => l.Trim().Trim('\'')).Where(l => l.Length > 0)];
        Assert.Equal(["lesions", "results", "result-names", "models", "datasets", "checkpoints", "dead-letters"], containers);
        Assert.All(containers, c => Assert.Contains($"[({c})]", readme, StringComparison.Ordinal));
        Assert.Equal(9, Regex.Count(readme[readme.IndexOf("## When an alert comes", StringComparison.Ordinal)..readme.IndexOf("## Day 2", StringComparison.Ordinal)], "(?m)^\\|") - 1);
    }

    [Fact]
    public void Each_file_that_it_or_a_workflow_names_exists()
    {
        string text = File.ReadAllText(Path) + Repository.Read(".github/workflows/ci.yml") + Repository.Read(".github/workflows/deploy.yml");
        string[] named = [.. NamedPath().Matches(text).Select(m => m.Value)];
        Assert.Contains("infra-bicep/deploy.sh", named);
        Assert.All(named, n => Assert.True(File.Exists(System.IO.Path.Combine(Repository.Root, n)) || Directory.Exists(System.IO.Path.Combine(Repository.Root, n)) || n == "tests/infra-bicep", n));
    }

    [Fact]
    public void The_deploying_workflow_signs_in_without_a_secret()
    {
        string workflow = Repository.Read(".github/workflows/deploy.yml");
        Assert.Contains("id-token: write", workflow, StringComparison.Ordinal);
        Assert.DoesNotContain("secrets.", workflow, StringComparison.Ordinal);
        Assert.Contains("deploy.sh \"$ENVIRONMENT\" --what-if", workflow, StringComparison.Ordinal);
    }

    private static void AddRows(StringBuilder table, JsonNode template, string name, JsonNode parameter, bool isSecret, (JsonNode? Value, Dictionary<string, string> Variables)[] environments)
    {
        JsonNode type = Resolve(template, parameter);
        bool secret = isSecret || ((string?)type["type"])?.StartsWith("secure", StringComparison.OrdinalIgnoreCase) == true;
        if (type["properties"] is JsonObject { Count: > 0 } properties)
        {
            foreach ((string property, JsonNode? child) in properties)
            {
                AddRows(table, template, $"{name}.{property}", child!, secret, [.. environments.Select(e => (e.Value?[property], e.Variables))]);
            }

            return;
        }

        string description = (string?)parameter["metadata"]?["description"] ?? (string?)type["metadata"]?["description"] ?? throw new InvalidOperationException($"{name} has no description.");
        string leaf = name.Split('.')[^1];
        IEnumerable<string> values = environments.Select(e => e.Variables.TryGetValue(leaf, out string? variable) ? $"`{variable}`" : e.Value switch
        {
            null => "",
            JsonArray { Count: 0 } or JsonObject { Count: 0 } => "none",
            JsonArray a => string.Join(", ", a.Select(v => $"`{v}`")),
            JsonObject o => string.Join(", ", o.Select(p => $"`{p.Key}: {p.Value}`")),
            var v when v.ToString().Length == 0 => "none",
            var v => $"`{v}`",
        });
        table.Append(System.Globalization.CultureInfo.InvariantCulture, $"| `{name}` | {(secret ? "secret" : Kind(type))} | {string.Join(" | ", values)} | {description.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
    }

    private static string Kind(JsonNode type)
    {
        if (type["allowedValues"] is JsonArray allowed)
        {
            return string.Join(", ", allowed.Select(v => $"`{v}`"));
        }

        string kind = (string)type["type"]! switch { "int" => "number", "bool" => "true or false", "array" => "list", "object" => "names and values", _ => "text" };
        (JsonNode? low, JsonNode? high) = (type["minValue"] ?? type["minLength"], type["maxValue"] ?? type["maxLength"]);
        string unit = (string)type["type"]! == "array" || (type["minLength"] is null && type["maxLength"] is null) ? "" : " characters";
        return (low, high) switch
        {
            (null, null) => kind,
            (not null, not null) when $"{low}" == $"{high}" => $"{kind}, {low}{unit}",
            (not null, not null) => $"{kind}, {low} to {high}{unit}",
            (not null, _) => $"{kind}, from {low}{unit}",
            _ => $"{kind}, up to {high}{unit}",
        };
    }

    private static JsonNode Resolve(JsonNode template, JsonNode node) =>
        (string?)node["$ref"] is { } reference ? Resolve(template, template["definitions"]![reference.Split('/')[^1]]!) : node;

    private static JsonNode? Default(JsonNode template, JsonNode parameter) => parameter["defaultValue"] ?? Resolve(template, parameter)["defaultValue"];

    private async Task<(JsonNode Values, Dictionary<string, string> Variables)> ValuesAsync(string environment)
    {
        string file = System.IO.Path.Combine(Repository.Infra, "environments", $"{environment}.bicepparam");
        Dictionary<string, string> variables = FromVariable().Matches(await File.ReadAllTextAsync(file)).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value);
        return ((await bicep.ParametersAsync(file))["parameters"]!, variables);
    }

    private static async Task CompareAsync(string section, string expected)
    {
        string readme = await File.ReadAllTextAsync(Path), start = $"<!-- {section} -->\n", end = $"<!-- /{section} -->";
        int from = readme.IndexOf(start, StringComparison.Ordinal) + start.Length, to = readme.IndexOf(end, StringComparison.Ordinal);
        if (Repository.Updates)
        {
            readme = readme[..from] + expected + readme[to..];
            await File.WriteAllTextAsync(Path, readme);
            to = readme.IndexOf(end, StringComparison.Ordinal);
        }

        Assert.Equal(expected, readme[from..to]);
    }

    [GeneratedRegex(@"(?m)(\w+)\s*[:=][^\n]*?readEnvironmentVariable\('(\w+)'")]
    private static partial Regex FromVariable();

    [GeneratedRegex(@"var containers = \[\n([^\]]*)\]")]
    private static partial Regex Container();

    [GeneratedRegex(@"(?<![\w/.])(?:infra-bicep|\.github/workflows|\.ci|functions/Dockerfile|training/Dockerfile|tests)/?[\w./-]*[\w]")]
    private static partial Regex NamedPath();
}
