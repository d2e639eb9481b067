using System.Text.Json.Nodes;

namespace Lentigo.InfraBicep.Tests;

/// <summary>train.sh against the stand-in Azure.</summary>
public sealed class TrainTests(BicepCli bicep)
{
    private const string Name = "vm-train-lentigo-dev";

    [Fact]
    public async Task Training_starts_a_new_run_with_its_arguments_and_ends_with_it()
    {
        await using StandInAzure azure = Machine("idle").During("run-command", a => a.Machines[Name].Training = "done");
        (int exit, string output) = await azure.RunAsync("train.sh", "dev -- --recipe paper --epochs 3");
        Assert.True(exit == 0, output);
        Assert.Equal(["rest --method patch", "--tags training=wanted", "vm start"], azure.Order("rest --method patch", "--tags training=wanted", "vm start"));
        Assert.Equal(("train", "--recipe paper --epochs 3"), ((string)azure.Machines[Name].Settings["job"]!, (string)azure.Machines[Name].Settings["given"]!));
        Assert.Matches("^[0-9]{8}T[0-9]{6}Z$", (string)azure.Machines[Name].Settings["run"]!);
        Assert.Contains("epoch 1", output, StringComparison.Ordinal);
        Assert.Contains("its model published", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Training_that_runs_is_not_started_again()
    {
        await using StandInAzure azure = Machine("wanted");
        (int exit, string output) = await azure.RunAsync("train.sh", "dev");
        Assert.Equal(1, exit);
        Assert.Contains("A training is under way", output, StringComparison.Ordinal);
        Assert.Equal(0, azure.Count("vm start"));
    }

    [Fact]
    public async Task Resuming_keeps_the_run()
    {
        await using StandInAzure azure = Machine("failed");
        Assert.Equal(0, (await azure.RunAsync("train.sh", "dev --resume --no-follow")).ExitCode);
        Assert.Equal(0, azure.Count("rest --method patch"));
        Assert.Equal("wanted", azure.Machines[Name].Training);
    }

    [Fact]
    public async Task Each_of_several_machines_trains_its_own_members()
    {
        await using StandInAzure azure = Machine("idle");
        azure.Machines[$"{Name}-2"] = new() { UserData = azure.Machines[Name].UserData };
        Assert.Equal(0, (await azure.RunAsync("train.sh", "dev --machine 2 --no-follow -- --members mobilenet_v2")).ExitCode);
        Assert.Equal(("idle", "wanted"), (azure.Machines[Name].Training, azure.Machines[$"{Name}-2"].Training));
        Assert.Equal("--members mobilenet_v2", (string)azure.Machines[$"{Name}-2"].Settings["given"]!);
    }

    [Fact]
    public async Task All_machines_train_at_once_and_the_first_one_joins_their_members()
    {
        await using StandInAzure azure = Machines("idle", "done", "idle");
        azure.During("tags.training", a => FinishAfter(a, looks: 8));
        (int exit, string output) = await azure.RunAsync("train.sh", "dev --all");
        Assert.True(exit == 0, output);
        string[] runs = [.. new[] { $"{Name}-2", $"{Name}-3" }.Select(m => (string)azure.Machines[m].Settings["run"]!)];
        JsonNode first = azure.Machines[Name].Settings;
        string stamp = (string)first["run"]!;
        Assert.Matches("^[0-9]{8}T[0-9]{6}Z$", stamp);
        Assert.Equal("compose", (string)first["job"]!);
        Assert.Equal([$"{stamp}-1", .. runs], ((string)first["runs"]!).Split(' '));
        Assert.All(azure.Machines.Values, m => Assert.Equal("", (string)m.Settings["given"]!));
        Assert.Equal(["member", "member"], new[] { $"{Name}-2", $"{Name}-3" }.Select(m => (string)azure.Machines[m].Settings["job"]!));
        Assert.Equal(4, azure.Count("rest --method patch"));
        Assert.Contains("its model published", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Members_that_failed_are_resumed_before_all_are_joined()
    {
        await using StandInAzure azure = Machines("idle", "idle");
        azure.During("tags.training", a =>
        {
            FinishAfter(a, looks: 4);
            if (a.Machines[$"{Name}-2"].Training == "done")
            {
                a.Machines[$"{Name}-2"].Training = "failed";
            }
        });
        (int exit, string output) = await azure.RunAsync("train.sh", "dev --all");
        Assert.Equal(1, exit);
        Assert.Contains("--all --resume", output, StringComparison.Ordinal);
        Assert.DoesNotContain(azure.Machines.Values, m => (string)m.Settings["job"]! == "compose");

        azure.Heal();
        string run = (string)azure.Machines[$"{Name}-2"].Settings["run"]!;
        azure.During("tags.training", a => FinishAfter(a, looks: 4));
        (exit, output) = await azure.RunAsync("train.sh", "dev --all --resume");
        Assert.True(exit == 0, output);
        Assert.EndsWith(run, (string)azure.Machines[Name].Settings["runs"]!, StringComparison.Ordinal);
        Assert.Equal(2, azure.Calls.Count(c => c.Contains("vm start", StringComparison.Ordinal) && c.Contains($"{Name}-2", StringComparison.Ordinal))); // again, and it alone
    }

    [Fact]
    public async Task All_machines_are_followed_from_anywhere_and_not_started_twice()
    {
        await using StandInAzure azure = Members();
        (int exit, string output) = await azure.RunAsync("train.sh", "dev --all");
        Assert.Equal(1, exit);
        Assert.Contains("A training is under way", output, StringComparison.Ordinal);
        azure.During("tags.training", a => FinishAfter(a, looks: 4));
        azure.Fail("tags.training", 3);
        (exit, output) = await azure.RunAsync("train.sh", "dev --all --follow");
        Assert.True(exit == 0, output);
        Assert.Equal("r-1 r-2", (string)azure.Machines[Name].Settings["runs"]!);

        // Once they are joined, following is following that.
        int configured = azure.Count("rest --method patch");
        Assert.Equal(0, (await azure.RunAsync("train.sh", "dev --all --follow")).ExitCode);
        Assert.Equal(configured, azure.Count("rest --method patch"));
    }

    [Fact]
    public async Task All_machines_are_stopped_at_once_and_go_on_at_once()
    {
        await using StandInAzure azure = Members();
        Assert.Equal(0, (await azure.RunAsync("train.sh", "dev --all --stop")).ExitCode);
        Assert.All(azure.Machines.Values, m => Assert.Equal(("idle", "deallocated"), (m.Training, m.Power)));

        azure.During("tags.training", a => FinishAfter(a, looks: 4));
        (int exit, string output) = await azure.RunAsync("train.sh", "dev --all --resume");
        Assert.True(exit == 0, output);
        Assert.Equal("r-1 r-2", (string)azure.Machines[Name].Settings["runs"]!);
    }

    [Fact]
    public async Task Arguments_of_one_run_do_not_outlast_it()
    {
        await using StandInAzure azure = Machine("idle");
        Assert.Equal(0, (await azure.RunAsync("train.sh", "dev --no-follow -- --recipe paper")).ExitCode);
        azure.Machines[Name].Training = "done";
        Assert.Equal(0, (await azure.RunAsync("train.sh", "dev --no-follow")).ExitCode);
        Assert.Equal(("", "--recipe strong"), ((string)azure.Machines[Name].Settings["given"]!, (string)azure.Machines[Name].Settings["arguments"]!));
    }

    [Fact]
    public async Task Following_survives_an_eviction_and_ends_with_the_training()
    {
        int looks = 0;
        await using StandInAzure azure = Machine("wanted");
        azure.Machines[Name].Power = "deallocated";
        azure.During("get-instance-view", a => a.Machines[Name].Training = ++looks > 2 ? "failed" : "wanted");
        (int exit, string output) = await azure.RunAsync("train.sh", "dev --follow");
        Assert.Equal(1, exit);
        Assert.Contains("evicted or not started yet", output, StringComparison.Ordinal);
        Assert.Contains("The training failed", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("tags.training")]
    [InlineData("get-instance-view")]
    [InlineData("run-command")]
    public async Task Following_outlasts_an_Azure_that_does_not_answer_for_a_while(string question)
    {
        await using StandInAzure azure = Machine("wanted").Fail(question, 5);
        azure.During("run-command", a => a.Machines[Name].Training = "done");
        (int exit, string output) = await azure.RunAsync("train.sh", "dev --follow");
        Assert.True(exit == 0, output);
    }

    [Fact]
    public async Task Stopping_turns_off_a_machine_that_does_not_listen()
    {
        await using StandInAzure azure = Machine("wanted").Fail("run-command", 5);
        (int exit, string output) = await azure.RunAsync("train.sh", "dev --stop");
        Assert.True(exit == 0, output);
        Assert.Equal(("idle", "deallocated"), (azure.Machines[Name].Training, azure.Machines[Name].Power));
    }

    [Fact]
    public async Task Without_a_machine_training_says_how_to_get_one_and_a_question_that_fails_is_no_no()
    {
        await using StandInAzure azure = new(bicep, "dev") { GroupExists = true };
        Assert.Contains("set training.enabled", (await azure.RunAsync("train.sh", "dev")).Output, StringComparison.Ordinal);
        azure.Fail("resource list", 1);
        Assert.Contains("Cannot tell whether", (await azure.RunAsync("train.sh", "dev")).Output, StringComparison.Ordinal);
    }

    // What is wanted is done after so many questions for a machine's state.
    private static void FinishAfter(StandInAzure azure, int looks)
    {
        if (azure.Count("tags.training") % looks == 0)
        {
            foreach (StandInAzure.Machine machine in azure.Machines.Values.Where(m => m.Training == "wanted"))
            {
                machine.Training = "done";
            }
        }
    }

    // Two machines that --all has started.
    private StandInAzure Members()
    {
        StandInAzure azure = Machines("wanted", "wanted");
        foreach ((int i, StandInAzure.Machine machine) in azure.Machines.Values.Index())
        {
            JsonNode settings = machine.Settings;
            (settings["run"], settings["job"]) = ($"r-{i + 1}", "member");
            machine.UserData = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(settings.ToJsonString()));
        }

        return azure;
    }

    private StandInAzure Machines(params string[] training)
    {
        StandInAzure azure = Machine(training[0]);
        foreach ((int i, string state) in training.Index().Skip(1))
        {
            azure.Machines[$"{Name}-{i + 1}"] = new() { Training = state, UserData = azure.Machines[Name].UserData };
        }

        return azure;
    }

    private StandInAzure Machine(string training)
    {
        StandInAzure azure = new(bicep, "dev") { GroupExists = true };
        azure.Machines[Name] = new() { Training = training, UserData = Convert.ToBase64String("""{"image":"cr.example/lentigo-training:1","arguments":"--recipe strong","run":"","job":"train","runs":"","given":""}"""u8) };
        return azure;
    }
}
