using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Lentigo.InfraBicep.Tests;

/// <summary>What holds for all scripts, and destroy.sh against a stand-in for az.</summary>
public sealed partial class ScriptTests
{
    public static TheoryData<string> Scripts => [.. Directory.EnumerateFiles(Repository.Infra, "*.sh", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(Repository.Infra, f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Scripts))]
    public async Task Each_script_passes_shellcheck_and_stops_at_the_first_fault(string script)
    {
        string text = await File.ReadAllTextAsync(Path.Combine(Repository.Infra, script), TestContext.Current.CancellationToken);
        Assert.Contains("\nset -euo pipefail\n", text, StringComparison.Ordinal);
        Assert.SkipUnless(File.Exists("/usr/bin/shellcheck"), "shellcheck is not installed: apt-get install shellcheck.");
        using Process process = Process.Start(new ProcessStartInfo("shellcheck", [Path.Combine(Repository.Infra, script)]) { RedirectStandardOutput = true })!;
        Assert.Equal("", await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    /// <summary>What bash 3.2 and the tools of macOS lack.</summary>
    [Theory]
    [InlineData("deploy.sh")]
    [InlineData("destroy.sh")]
    [InlineData("train.sh")]
    public void What_runs_on_a_developers_machine_keeps_to_bash_3_2(string script)
    {
        string text = string.Join('\n', Repository.Read($"infra-bicep/{script}").Split('\n').Where(l => !l.TrimStart().StartsWith('#')));
        Assert.Empty(NewerThanBash3().Matches(text).Select(m => m.Value));
    }

    [Theory]
    [InlineData("mapfile -t lines < file")]
    [InlineData("declare -A map")]
    [InlineData("echo ${name^^}")]
    [InlineData("run \"${options[@]}\"")]
    [InlineData("mktemp --suffix .png")]
    [InlineData("base64 -w 0")]
    [InlineData("base64 -d")]
    [InlineData("sed -i s/a/b/ file")]
    public void What_bash_3_2_lacks_is_noticed(string line) => Assert.Matches(NewerThanBash3(), line);

    [Theory]
    [InlineData("deploy.sh", "", 2, "Which environment?")]
    [InlineData("deploy.sh", "nowhere", 2, "There is no")]
    [InlineData("deploy.sh", "dev --model", 2, "--model needs a value")]
    [InlineData("deploy.sh", "dev --fast", 2, "There is no option --fast")]
    [InlineData("deploy.sh", "dev prod", 2, "One environment at a time")]
    [InlineData("deploy.sh", "dev --model /nowhere", 1, "is no model package")]
    [InlineData("deploy.sh", "--help", 0, "Usage:")]
    [InlineData("train.sh", "dev --machine 9", 2, "a number from 1 to 8")]
    [InlineData("train.sh", "dev --all -- --epochs 3", 2, "its own arguments")]
    [InlineData("train.sh", "dev --all --machine 2", 2, "--machine for one")]
    [InlineData("train.sh", "dev --all --no-follow", 2, "--all waits")]
    [InlineData("train.sh", "", 2, "Which environment?")]
    [InlineData("train.sh", "dev --epochs 3", 2, "come after --")]
    [InlineData("train.sh", "dev --resume -- --epochs 3", 2, "for a new training only")]
    [InlineData("destroy.sh", "", 2, "Which environment?")]
    [InlineData("destroy.sh", "dev --force", 2, "There is no option --force")]
    public async Task Bad_usage_says_what_is_right(string script, string arguments, int exitCode, string sentence)
    {
        using Shell shell = new("az", "dotnet", "curl");
        (int exit, string output) = await shell.RunAsync(script, arguments);
        Assert.Equal(exitCode, exit);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
        Assert.Empty(shell.Calls);
    }

    [Fact]
    public async Task Destroying_asks_for_the_name_and_removes_lock_and_roles_before_the_group()
    {
        using Shell shell = Group();
        (int exit, string output) = await shell.RunAsync("destroy.sh", "prod --yes", input: "rg-lentigo-prod\n");
        Assert.True(exit == 0, output);
        Assert.Equal(
            ["lock delete --ids /lock/keep", "role assignment delete --ids /assignment", "role definition delete --name role-1", "role assignment delete --ids /vault/assignment", "group delete --name rg-lentigo-prod --yes", "deployment sub delete --name lentigo-prod"],
            shell.Calls.Where(c => c.Contains(" delete ", StringComparison.Ordinal)).Select(c => c["az ".Length..].Split(" --resource-group")[0]));
    }

    [Theory]
    [InlineData("*'account show'*", "Sign in first")]
    [InlineData("*'group exists'*", "Cannot tell whether")]
    public async Task Destroying_says_what_is_wrong_and_deletes_nothing(string question, string sentence)
    {
        using Shell shell = new Shell("az").Answer(question, "exit 1");
        (int exit, string output) = await shell.RunAsync("destroy.sh", "dev --yes");
        Assert.Equal(1, exit);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
        Assert.Equal(0, shell.Count(" delete "));
    }

    [Theory]
    [InlineData("y\n")]
    [InlineData("rg-lentigo-dev\n")]
    [InlineData("")]
    public async Task A_locked_environment_is_not_deleted_by_another_answer(string answer)
    {
        using Shell shell = Group();
        Assert.Equal(1, (await shell.RunAsync("destroy.sh", "prod --yes", answer)).ExitCode);
        Assert.Equal(0, shell.Count(" delete "));
    }

    private static Shell Group() => new Shell("az")
        .Answer("*'group exists'*", "echo true")
        .Answer("*'identity list'*", "echo principal-1")
        .Answer("*'role assignment list'*principal-1*", "echo /vault/assignment")
        .Answer("*'lock list'*", "echo /lock/keep")
        .Answer("*'role definition list'*", "echo role-1")
        .Answer("*'role assignment list'*", "echo /assignment");

    // An empty array is an error to bash 3.2 where unset variables are.
    [GeneratedRegex(@"\b(mapfile|readarray|coproc)\b|declare -[An]|local -[An]|\$\{\w+(\^|,)|\$\{\w+\[@\]\}|mktemp --|(?<!openssl )base64 -|sed -i|date -d|\|&|&>>")]
    private static partial Regex NewerThanBash3();
}
