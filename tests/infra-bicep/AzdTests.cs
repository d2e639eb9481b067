using System.Text.Json;
using System.Text.RegularExpressions;

namespace Lentigo.InfraBicep.Tests;

/// <summary>The Azure Developer CLI and the dev container lead to the same scripts.</summary>
public sealed partial class AzdTests(BicepCli bicep)
{
    [Fact]
    public void Each_hook_of_azure_yaml_is_a_script_that_can_be_run()
    {
        string[] hooks = [.. Hook().Matches(Repository.Read("azure.yaml")).Select(m => m.Groups[1].Value)];
        Assert.Equal(3, hooks.Length);
        Assert.All(hooks, h => Assert.True(File.GetUnixFileMode(Path.Combine(Repository.Root, h)).HasFlag(UnixFileMode.UserExecute), h));
        string path = InfraPath().Match(Repository.Read("azure.yaml")).Groups[1].Value;
        Assert.True(File.Exists(Path.Combine(Repository.Root, path, "main.bicep")));
        using JsonDocument parameters = JsonDocument.Parse(Repository.Read($"{path}/main.parameters.json"));
        Assert.Equal(["environmentName", "location", "name"], parameters.RootElement.GetProperty("parameters").EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task Azd_up_provisions_the_group_that_deploy_sh_uses_and_deploys_the_same()
    {
        string template = (await bicep.CompileAsync(Path.Combine(Repository.Infra, "azd/main.bicep"))).ToJsonString();
        Assert.Contains("azd-env-name", template, StringComparison.Ordinal);
        Assert.Contains("rg-{0}-{1}", template, StringComparison.Ordinal);

        await using StandInAzure azure = new(bicep, "dev") { GroupExists = true };
        Assert.Equal(0, (await azure.RunAsync("azd/hook.sh", "check", "", [.. Azd])).ExitCode);
        (int exit, string output) = await azure.RunAsync("azd/hook.sh", "deploy", "", [.. Azd]);
        Assert.True(exit == 0, output);
        Assert.NotNull(azure.App);
        Assert.All(azure.Deployments, d => Assert.Equal("swedencentral", d["LENTIGO_LOCATION"]));
        Assert.Equal("dev", (string)Snapshot.At(azure.OfType("Microsoft.Resources/resourceGroups").Single(), "tags.azd-env-name")!);
    }

    [Fact]
    public async Task An_environment_that_has_no_file_is_refused_before_anything_is_created()
    {
        await using StandInAzure azure = new(bicep, "dev");
        (int exit, string output) = await azure.RunAsync("azd/hook.sh", "check", "", ("AZURE_ENV_NAME", "mine"), ("AZURE_SUBSCRIPTION_ID", "s"));
        Assert.Equal(1, exit);
        Assert.Contains("name the environment dev or prod", output, StringComparison.Ordinal);
        azure.SignedIn = false;
        Assert.Contains("az login", (await azure.RunAsync("azd/hook.sh", "check", "", [.. Azd])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Azd_down_asks_and_leaves_the_group_to_azd()
    {
        using Shell shell = new Shell("az").Answer("*'group exists'*", "echo true").Answer("*'lock list'*", "echo /lock/keep").With("AZURE_ENV_NAME", "dev");
        (int exit, string output) = await shell.RunAsync("azd/hook.sh", "destroy", "rg-lentigo-dev\n");
        Assert.True(exit == 0, output);
        Assert.Equal(1, shell.Count("lock delete"));
        Assert.Equal(0, shell.Count("group delete"));
    }

    [Fact]
    public void The_dev_container_has_what_the_two_commands_and_the_scripts_need()
    {
        using JsonDocument container = JsonDocument.Parse(Repository.Read(".devcontainer/devcontainer.json"));
        string framework = System.Xml.Linq.XDocument.Parse(Repository.Read("Directory.Build.props")).Descendants("TargetFramework").Single().Value["net".Length..];
        Assert.EndsWith($":{framework}", container.RootElement.GetProperty("image").GetString(), StringComparison.Ordinal);
        string features = container.RootElement.GetProperty("features").GetRawText(), installs = container.RootElement.GetProperty("postCreateCommand").GetString()!;
        Assert.All(["node", "azure-cli", "azd"], f => Assert.Contains(f, features, StringComparison.Ordinal));
        Assert.All(["chromium", "jq", "shellcheck"], p => Assert.Contains(p, installs, StringComparison.Ordinal));
    }

    private static IEnumerable<(string, string)> Azd => [("AZURE_ENV_NAME", "dev"), ("AZURE_LOCATION", "swedencentral"), ("AZURE_SUBSCRIPTION_ID", "s")];

    [GeneratedRegex(@"run: (\S+\.sh) \w+")]
    private static partial Regex Hook();

    [GeneratedRegex(@"(?m)^  path: (\S+)")]
    private static partial Regex InfraPath();
}
