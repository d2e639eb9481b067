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
        Assert.Equal("--recipe paper --epochs 3", (string)azure.Machines[Name].Settings["arguments"]!);
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
        Assert.Equal("--members mobilenet_v2", (string)azure.Machines[$"{Name}-2"].Settings["arguments"]!);
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

    private StandInAzure Machine(string training)
    {
        StandInAzure azure = new(bicep, "dev") { GroupExists = true };
        azure.Machines[Name] = new() { Training = training, UserData = Convert.ToBase64String("""{"image":"cr.example/lentigo-training:1","arguments":"--recipe strong","run":""}"""u8) };
        return azure;
    }
}
