using System.Diagnostics;
using System.Text.Json;

namespace Lentigo.InfraBicep.Tests;

/// <summary>The scripts against stand-ins for az, dotnet and curl: what they call, in which order, and what they do when something fails.</summary>
public sealed class ScriptTests
{
    private const string Outputs = """
        echo '{"registry":{"value":"crlentigo"},"blobEndpoint":{"value":"https://st.example/"},"hostName":{"value":"app.example"},"resourceGroup":{"value":"rg"}}'
        """;

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

    [Fact]
    public async Task A_first_deployment_goes_from_nothing_to_a_connected_app()
    {
        using Shell shell = Azure(compute: "cpu");
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model \"$SCRATCH/model\"");
        Assert.True(exit == 0, output);
        Assert.Equal(
            ["sub what-if", "sub create", "acr build", "acr build", "dotnet", "sub create", "/api/health", "sub create", "/api/predict"],
            shell.Order("sub what-if", "sub create", "acr build", "dotnet", "/api/health", "/api/predict"));
        string[] phases = [.. shell.Calls.Where(c => c.StartsWith("  functions=", StringComparison.Ordinal))];
        Assert.Contains("functions=lentigo-functions:1 training=lentigo-training:1 events=true", phases[0], StringComparison.Ordinal);
        Assert.Contains("functions= training= events=", phases[1], StringComparison.Ordinal);
        Assert.Contains("functions=lentigo-functions:1 training=lentigo-training:1 events=false", phases[2], StringComparison.Ordinal);
        Assert.Contains("events=true", phases[3], StringComparison.Ordinal);
        Assert.All(phases, p => Assert.Contains($"start={DateTime.UtcNow:yyyy-MM}-01 ssh=ssh-ed25519 ", p, StringComparison.Ordinal));
        Assert.Single(phases.Select(p => p.Split("key=")[1]).Distinct());
        Assert.Equal(64, phases[0].Split("key=")[1].Length);
    }

    [Fact]
    public async Task Nothing_is_created_without_a_yes()
    {
        using Shell shell = Azure(compute: "cpu");
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --image 1 --model none", input: "n\n");
        Assert.Equal(1, exit);
        Assert.Contains("Nothing was created", output, StringComparison.Ordinal);
        Assert.Equal(1, shell.Count("sub what-if"));
        Assert.Equal(0, shell.Count("sub create"));
    }

    [Fact]
    public async Task Nothing_is_created_when_the_template_is_refused()
    {
        using Shell shell = Azure(compute: "cpu", first: s => s.Answer("*'deployment sub what-if'*", "echo 'The region x has no serverless T4' >&2; exit 1"));
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none");
        Assert.Equal(1, exit);
        Assert.Contains("has no serverless T4", output, StringComparison.Ordinal);
        Assert.Equal(0, shell.Count("sub create"));
    }

    [Fact]
    public async Task What_if_alone_creates_nothing()
    {
        using Shell shell = Azure(compute: "cpu");
        Assert.Equal(0, (await shell.RunAsync("deploy.sh", "dev --what-if --image 1 --model none")).ExitCode);
        Assert.Equal(0, shell.Count("sub create") + shell.Count("acr build"));
    }

    [Fact]
    public async Task A_second_deployment_keeps_keys_image_budget_and_a_running_training()
    {
        string userData = Convert.ToBase64String("""{"image":"cr.example/lentigo-training:0","run":"r"}"""u8);
        using Shell shell = Azure(compute: "cpu", first: s => s
            .Answer("*'group exists'*", "echo true")
            .Answer("*'resource list'*", "echo 1")
            .Answer("*'secret show'*", "echo \"kept-$(sed 's/.*--secret-name //;s/ .*//' <<< \"$call\")\"")
            .Answer("*'containerapp show'*", "echo cr.example/lentigo-functions:0")
            .Answer("*'consumption budget show'*", "echo 2026-03-01T00:00:00Z")
            .Answer("*'--query userData'*", $"echo {userData}")
            .Answer("*get-instance-view*", "echo PowerState/running")
            .Answer("*publicKeys*", "echo ssh-kept")
            .Answer("*tags.training*", "echo wanted"));
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none");
        Assert.True(exit == 0, output);
        string[] phases = [.. shell.Calls.Where(c => c.StartsWith("  functions=", StringComparison.Ordinal))];
        Assert.Contains("functions=lentigo-functions:0 training=lentigo-training:0 events=true", phases[1], StringComparison.Ordinal);
        Assert.Contains("functions=lentigo-functions:1 training=lentigo-training:1 events=true", phases[2], StringComparison.Ordinal);
        Assert.All(phases, p => Assert.Contains("state=wanted", p, StringComparison.Ordinal));
        Assert.All(phases, p => Assert.EndsWith("start=2026-03-01 ssh=ssh-kept key=kept-host-function-default", p, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("*'resource list'*", "Cannot tell whether")]
    [InlineData("*'secret show'*", "cannot be read")]
    public async Task A_question_that_fails_is_not_taken_for_a_no(string question, string sentence)
    {
        using Shell shell = Azure(compute: "cpu", first: s => s.Answer("*'group exists'*", "echo true").Answer(question, "exit 1")
            .Answer("*'resource list'*containerApps*", "echo 1").Answer("*'resource list'*", "echo 0"));
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none");
        Assert.Equal(1, exit);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
        Assert.Equal(0, shell.Count("deployment sub"));
    }

    [Theory]
    [InlineData("PowerState/running", "true")]
    [InlineData("PowerState/deallocated", "false")]
    public async Task The_log_agent_of_a_machine_that_is_off_is_left_alone(string power, string installs)
    {
        using Shell shell = Azure(compute: "cpu", first: s => s
            .Answer("*'group exists'*", "echo true")
            .Answer("*'resource list'*virtualMachines*", "echo 1")
            .Answer("*'resource list'*", "echo 0")
            .Answer("*get-instance-view*", $"echo {power}")
            .Answer("*'--query userData'*", "echo e30="));
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none");
        Assert.True(exit == 0, output);
        Assert.All(shell.Calls.Where(c => c.StartsWith("  functions=", StringComparison.Ordinal)), p => Assert.Contains($"agent={installs} ", p, StringComparison.Ordinal));
    }

    [Fact]
    public async Task With_private_networking_the_account_is_closed_again_and_uploads_are_scanned()
    {
        using Shell shell = Azure(compute: "t4", isPrivate: true).With("LENTIGO_DEPLOYER_ADDRESS", "203.0.113.7");
        (int exit, string output) = await shell.RunAsync("deploy.sh", "prod --yes --image 1 --model none");
        Assert.True(exit == 0, output);
        string[] phases = [.. shell.Calls.Where(c => c.StartsWith("  functions=", StringComparison.Ordinal))];
        Assert.Contains("address=203.0.113.7 ", phases[1], StringComparison.Ordinal);
        Assert.Contains("functions=lentigo-functions-gpu:1", phases[^1], StringComparison.Ordinal);
        Assert.Contains("address= ", phases[^1], StringComparison.Ordinal);
        Assert.DoesNotContain(phases, p => p.Contains("events=true", StringComparison.Ordinal));
        Assert.Equal(1, shell.Count("--build-arg ACCELERATOR=Cuda"));
        Assert.Equal(0, shell.Count("curl"));
    }

    [Fact]
    public async Task An_image_that_is_there_is_not_built_again()
    {
        using Shell shell = Azure(compute: "cpu", first: s => s.Answer("*'acr repository show'*", "true"));
        Assert.Equal(0, (await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none")).ExitCode);
        Assert.Equal(0, shell.Count("acr build"));
    }

    [Fact]
    public async Task Publishing_is_repeated_until_the_role_has_arrived()
    {
        using Shell shell = Azure(compute: "cpu", first: s => s.Answer("dotnet*", "[[ $(grep -c '^dotnet' \"$STAND_IN_LOG\") -ge 3 ]]"));
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model \"$SCRATCH/model\"");
        Assert.True(exit == 0, output);
        Assert.Equal(3, shell.Count("dotnet run"));
        Assert.All(shell.Calls.Where(c => c.StartsWith("dotnet", StringComparison.Ordinal)), c => Assert.EndsWith("--to https://st.example/models", c, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_app_that_stays_unhealthy_fails_the_deployment_before_uploads_are_connected()
    {
        using Shell shell = Azure(compute: "cpu", first: s => s.Answer("*api/health*", "exit 22"));
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none");
        Assert.Equal(1, exit);
        Assert.Contains("does not become healthy", output, StringComparison.Ordinal);
        Assert.Equal(2, shell.Count("sub create"));
    }

    [Fact]
    public async Task An_answer_that_is_none_fails_the_deployment()
    {
        using Shell shell = Azure(compute: "cpu", first: s => s.Answer("*api/predict*", "echo '{}'"));
        (int exit, string output) = await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none");
        Assert.Equal(1, exit);
        Assert.Contains("The answer is not one", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_key_is_on_a_command_line()
    {
        using Shell shell = Azure(compute: "cpu", first: s => s.Answer("openssl*", "echo secret-0123456789"));
        Assert.Equal(0, (await shell.RunAsync("deploy.sh", "dev --yes --image 1 --model none")).ExitCode);
        Assert.Contains(shell.Calls, c => c.EndsWith("key=secret-0123456789", StringComparison.Ordinal));
        Assert.DoesNotContain(shell.Calls, c => !c.StartsWith("  ", StringComparison.Ordinal) && c.Contains("secret-0", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("deploy.sh", "", 2, "Which environment?")]
    [InlineData("deploy.sh", "nowhere", 2, "There is no")]
    [InlineData("deploy.sh", "dev --model", 2, "--model needs a value")]
    [InlineData("deploy.sh", "dev --fast", 2, "There is no option --fast")]
    [InlineData("deploy.sh", "dev prod", 2, "One environment at a time")]
    [InlineData("deploy.sh", "dev --model /nowhere", 1, "is no model package")]
    [InlineData("deploy.sh", "--help", 0, "Usage:")]
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
    public async Task Training_starts_a_new_run_with_its_arguments()
    {
        using Shell shell = Machine("idle", "wanted", "done");
        (int exit, string output) = await shell.RunAsync("train.sh", "dev -- --recipe paper --epochs 3");
        Assert.True(exit == 0, output);
        Assert.Equal(["--user-data", "--tags training=wanted", "vm start"], shell.Order("--user-data ", "--tags training=wanted", "vm start").Select(p => p.Trim()));
        string settings = shell.Calls.Single(c => c.Contains("--user-data ", StringComparison.Ordinal));
        Assert.Contains("\"arguments\":\"--recipe paper --epochs 3\"", settings, StringComparison.Ordinal);
        Assert.Matches("\"run\":\"[0-9]{8}T[0-9]{6}Z\"", settings);
        Assert.Contains("its model published", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Training_that_runs_is_not_started_again()
    {
        using Shell shell = Machine("wanted");
        (int exit, string output) = await shell.RunAsync("train.sh", "dev");
        Assert.Equal(1, exit);
        Assert.Contains("A training is under way", output, StringComparison.Ordinal);
        Assert.Equal(0, shell.Count("vm start"));
    }

    [Fact]
    public async Task Resuming_keeps_the_run()
    {
        using Shell shell = Machine("failed");
        Assert.Equal(0, (await shell.RunAsync("train.sh", "dev --resume --no-follow")).ExitCode);
        Assert.Equal(0, shell.Count("--user-data "));
        Assert.Equal(["--tags training=wanted", "vm start"], shell.Order("--tags training=wanted", "vm start"));
    }

    [Fact]
    public async Task Following_survives_an_eviction_and_ends_with_the_training()
    {
        using Shell shell = Machine("wanted", "wanted", "failed").Answer("*get-instance-view*", "echo PowerState/deallocated");
        (int exit, string output) = await shell.RunAsync("train.sh", "dev --follow");
        Assert.Equal(1, exit);
        Assert.Contains("evicted or not started yet", output, StringComparison.Ordinal);
        Assert.Contains("The training failed", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_a_machine_training_says_how_to_get_one()
    {
        using Shell shell = new Shell("az").Answer("*", "exit 3");
        (int exit, string output) = await shell.RunAsync("train.sh", "dev");
        Assert.Equal(1, exit);
        Assert.Contains("set training.enabled", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Destroying_asks_for_the_name_and_removes_lock_and_roles_before_the_group()
    {
        using Shell shell = Group();
        (int exit, string output) = await shell.RunAsync("destroy.sh", "prod --yes", input: "rg-lentigo-prod\n");
        Assert.True(exit == 0, output);
        Assert.Equal(
            ["lock delete --ids /lock/keep", "role assignment delete --ids /assignment", "role definition delete --name role-1", "group delete --name rg-lentigo-prod --yes"],
            shell.Calls.Where(c => c.Contains(" delete ", StringComparison.Ordinal)).Select(c => c["az ".Length..].Split(" --resource-group")[0]));
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

    private static Shell Azure(string compute, bool isPrivate = false, Action<Shell>? first = null)
    {
        Shell shell = new("az", "dotnet", "curl", "openssl", "ssh-keygen");
        Directory.CreateDirectory(shell["model"]);
        File.WriteAllText(Path.Combine(shell["model"], "current.json"), "{}");
        first?.Invoke(shell);
        string settings = JsonSerializer.Serialize(new { parameters = new { serving = new { value = new { compute } }, network = new { value = new { @private = isPrivate } }, training = new { value = new { enabled = true } } } });
        string parameters = JsonSerializer.Serialize(new { parametersJson = settings });
        return shell
            .Answer("*'group exists'*", "echo false")
            .Answer("*'consumption budget show'*|*'acr repository show'*", "exit 3")
            .Answer("*signed-in-user*", "echo 11111111-1111-1111-1111-111111111111")
            .Answer("*build-params*", $"cat << 'JSON'\n{parameters}\nJSON\n")
            .Answer("*'deployment sub create'*", Outputs)
            .Answer("*api/predict*", "echo '{\"probabilities\":[1,2,3,4,5,6,7]}'")
            .Answer("ssh-keygen*", "echo 'ssh-ed25519 AAAA lentigo-training' > \"${!#}.pub\"")
            .Answer("openssl*", "head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n'");
    }

    // The machine's tag, each time it is asked for; the last one stays.
    private static Shell Machine(params string[] states)
    {
        string settings = Convert.ToBase64String("""{"image":"cr.example/lentigo-training:1","arguments":"--recipe strong","run":""}"""u8);
        string answer = $"set -- {string.Join(' ', states)}; n=$(grep -c 'tags.training --output' \"$STAND_IN_LOG\"); (( n <= $# )) || n=$#; echo \"${{!n}}\"";
        return new Shell("az").Answer("*'--query tags.training'*", answer).Answer("*'--query userData'*", $"echo {settings}");
    }

    private static Shell Group() => new Shell("az")
        .Answer("*'group exists'*", "echo true")
        .Answer("*'lock list'*", "echo /lock/keep")
        .Answer("*'role definition list'*", "echo role-1")
        .Answer("*'role assignment list'*", "echo /assignment");
}
