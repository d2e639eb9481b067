using System.Diagnostics;

namespace Lentigo.InfraBicep.Tests;

/// <summary>The script that the training machine runs at each start, with stand-ins for Docker, the metadata service and Azure.</summary>
public sealed class TrainingMachineTests
{
    [Fact]
    public async Task A_machine_that_is_not_wanted_turns_itself_off()
    {
        using Shell shell = Machine("idle");
        (int exit, string output) = await RunAsync(shell);
        Assert.True(exit == 0, output);
        Assert.Equal(1, shell.Count("/deallocate?"));
        Assert.Equal(0, shell.Count("docker"));
    }

    [Fact]
    public async Task A_training_publishes_its_model_says_so_and_turns_the_machine_off()
    {
        using Shell shell = Machine("wanted");
        (int exit, string output) = await RunAsync(shell);
        Assert.True(exit == 0, output);
        Assert.Equal(["docker login", " train ", " publish ", "\"training\":\"done\"", "/deallocate?"], shell.Order("docker login", " train ", " publish ", "\"training\":\"done\"", "/deallocate?"));
        string train = shell.Calls.Single(c => c.Contains(" train ", StringComparison.Ordinal));
        Assert.Contains("cr.example/lentigo-training:1 train --data https://st.example/datasets --checkpoints https://st.example/checkpoints/r1 --out /lentigo/runs/r1 --resume --device cuda --recipe strong", train, StringComparison.Ordinal);
        Assert.Contains("--env AZURE_CLIENT_ID=client", train, StringComparison.Ordinal);
        Assert.Contains(" publish --model /lentigo/runs/r1 --to https://st.example/models", shell.Calls.Single(c => c.Contains(" publish ", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(shell["work"], "current.json"))); // the next training is a new run
    }

    [Fact]
    public async Task A_member_is_trained_and_not_published()
    {
        using Shell shell = Machine("wanted", job: "member", given: "--members resnet18");
        (int exit, string output) = await RunAsync(shell);
        Assert.True(exit == 0, output);
        Assert.Equal(1, shell.Count("--checkpoints https://st.example/checkpoints/r1 --out /lentigo/runs/r1 --resume --device cuda --members resnet18"));
        Assert.Equal(["\"training\":\"done\"", "/deallocate?"], shell.Order(" publish ", "\"training\":\"done\"", "/deallocate?"));
    }

    [Fact]
    public async Task Members_of_several_runs_are_joined_and_published()
    {
        using Shell shell = Machine("wanted", job: "compose", runs: "a-1 a-2");
        (int exit, string output) = await RunAsync(shell);
        Assert.True(exit == 0, output);
        Assert.Equal(1, shell.Count("lentigo-training:1 compose --run https://st.example/checkpoints/a-1 https://st.example/checkpoints/a-2 --data https://st.example/datasets --out /lentigo/runs/r1"));
        Assert.Equal([" compose ", " publish --model /lentigo/runs/r1 ", "\"training\":\"done\""], shell.Order(" train ", " compose ", " publish --model /lentigo/runs/r1 ", "\"training\":\"done\""));
    }

    [Fact]
    public async Task A_training_that_fails_says_so_as_an_error_and_turns_the_machine_off()
    {
        using Shell shell = Machine("wanted", first: s => s.Answer("*' train '*", "exit 1"));
        (int exit, string output) = await RunAsync(shell);
        Assert.Equal(1, exit);
        Assert.Contains("<3>The training failed: The console ended with exit code 1.", output, StringComparison.Ordinal);
        Assert.Equal(["\"training\":\"failed\"", "/deallocate?"], shell.Order("\"training\":\"done\"", "\"training\":\"failed\"", "/deallocate?"));
        Assert.Equal(0, shell.Count(" publish "));
        Assert.True(File.Exists(Path.Combine(shell["work"], "current.json"))); // --resume goes on with it
    }

    [Theory]
    [InlineData("nvidia-smi*", "The NVIDIA driver does not run")]
    [InlineData("*'docker login'*", "may not pull from")]
    [InlineData("*'docker pull'*", "cannot be pulled")]
    [InlineData("*' publish '*", "could not be published")]
    public async Task Whatever_is_missing_is_told_and_the_machine_does_not_stay_on(string missing, string sentence)
    {
        using Shell shell = Machine("wanted", first: s => s.Answer(missing, "exit 1"));
        (int exit, string output) = await RunAsync(shell);
        Assert.Equal(1, exit);
        Assert.Contains(sentence, output, StringComparison.Ordinal);
        Assert.Equal(1, shell.Count("\"training\":\"failed\""));
        Assert.Equal(1, shell.Count("/deallocate?"));
    }

    [Fact]
    public async Task An_eviction_stops_the_training_and_leaves_it_wanted()
    {
        using Shell shell = Machine("wanted", first: s => s.Answer("*' train '*", "touch \"$SCRATCH/running\"; exec sleep 30"));
        (int exit, string output) = await RunAsync(shell, async process =>
        {
            while (!File.Exists(shell["running"]))
            {
                await Task.Delay(50);
            }

            using Process kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
            await kill.WaitForExitAsync();
        });
        Assert.True(exit == 0, output);
        Assert.Equal(1, shell.Count("docker stop"));
        Assert.Equal(0, shell.Count("\"training\":") + shell.Count("/deallocate?"));
        Assert.True(File.Exists(Path.Combine(shell["work"], "current.json")));
    }

    [Fact]
    public async Task An_announced_eviction_stops_the_training_and_leaves_it_wanted()
    {
        using Shell shell = Machine("wanted", first: s => s
            .Answer("*' train '*", "touch \"$SCRATCH/running\"; exec sleep 30")
            .Answer("*scheduledevents*", "[[ ! -e $SCRATCH/running ]] || echo '{\"Events\":[{\"EventType\":\"Preempt\"}]}'"));
        (int exit, string output) = await RunAsync(shell);
        Assert.True(exit == 0, output);
        Assert.Equal(1, shell.Count("docker stop"));
        Assert.Equal(0, shell.Count("\"training\":") + shell.Count("/deallocate?"));
    }

    [Fact]
    public async Task After_an_eviction_the_run_goes_on_with_its_own_arguments()
    {
        using Shell shell = Machine("wanted", run: "");
        Directory.CreateDirectory(shell["work"]);
        await File.WriteAllTextAsync(Path.Combine(shell["work"], "current.json"), """{"run":"r0","job":"train","runs":"","arguments":"--recipe paper"}""", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await RunAsync(shell)).ExitCode);
        Assert.Equal(1, shell.Count("--out /lentigo/runs/r0 --resume --device cuda --recipe paper"));
    }

    [Fact]
    public async Task A_run_that_is_named_anew_starts_anew()
    {
        using Shell shell = Machine("wanted");
        Directory.CreateDirectory(shell["work"]);
        await File.WriteAllTextAsync(Path.Combine(shell["work"], "current.json"), """{"run":"r0","job":"train","runs":"","arguments":"--recipe paper"}""", TestContext.Current.CancellationToken);
        Assert.Equal(0, (await RunAsync(shell)).ExitCode);
        Assert.Equal(1, shell.Count("--out /lentigo/runs/r1 --resume --device cuda --recipe strong"));
    }

    [Fact]
    public async Task A_role_that_arrives_late_is_waited_for()
    {
        using Shell shell = Machine("idle", first: s => s.Answer("*/deallocate*", "[[ $(grep -c '/deallocate' \"$STAND_IN_LOG\") -ge 3 ]]"));
        Assert.Equal(0, (await RunAsync(shell)).ExitCode);
        Assert.Equal(3, shell.Count("/deallocate?"));
    }

    [Fact]
    public async Task A_machine_never_gives_up_turning_itself_off_and_has_someone_told()
    {
        using Shell shell = Machine("idle", first: s => s.Answer("*/deallocate*", "[[ $(grep -c '/deallocate' \"$STAND_IN_LOG\") -ge 42 ]]"));
        (int exit, string output) = await RunAsync(shell);
        Assert.True(exit == 0, output);
        Assert.Equal(42, shell.Count("/deallocate?"));
        Assert.Contains("<3>Azure refuses POST /deallocate", output, StringComparison.Ordinal); // a syslog error, which the alert reads
    }

    [Fact]
    public void The_first_boot_installs_signed_drivers_and_starts_the_service_after_a_reboot()
    {
        string boot = Repository.Read("infra-bicep/training-vm/cloud-init.yaml");
        Assert.StartsWith("#cloud-config\n", boot, StringComparison.Ordinal);
        Assert.Contains("linux-modules-nvidia-", boot, StringComparison.Ordinal);
        Assert.Contains("systemctl enable docker.service lentigo-training.service", boot, StringComparison.Ordinal);
        Assert.Contains("mode: reboot", boot, StringComparison.Ordinal);
        Assert.True(boot.Length < 64 * 1024 * 3 / 4); // Azure takes 64 KiB of base64
    }

    private static Task<(int ExitCode, string Output)> RunAsync(Shell shell, Func<Process, Task>? meanwhile = null)
    {
        shell.With("LENTIGO_WATCH", "0.1").With("LENTIGO_CONFIG", shell["config.json"]).With("LENTIGO_WORK", shell["work"]).With("LENTIGO_DEVICES", shell["dev"]);
        return shell.RunAsync("training-vm/train.sh", meanwhile: meanwhile);
    }

    private static Shell Machine(string state, string run = "r1", Action<Shell>? first = null, string job = "train", string runs = "", string given = "")
    {
        Shell shell = new("curl", "docker", "nvidia-smi", "nvidia-modprobe", "chown");
        File.WriteAllText(shell["config.json"], $$"""
            {"image":"cr.example/lentigo-training:1","registry":"cr.example","clientId":"client","data":"https://st.example/datasets",
             "checkpoints":"https://st.example/checkpoints","models":"https://st.example/models","run":"{{run}}","job":"{{job}}","runs":"{{runs}}","given":"{{given}}","arguments":"--recipe strong","script":""}
            """);
        first?.Invoke(shell);
        return shell
            .Answer("*resourceId*", "echo /subscriptions/s/vm")
            .Answer("*tagsList*", $"echo '[{{\"name\":\"training\",\"value\":\"{state}\"}}]'")
            .Answer("*oauth2/token*", "echo '{\"access_token\":\"t\"}'")
            .Answer("*oauth2/exchange*", "echo '{\"refresh_token\":\"r\"}'");
    }
}
