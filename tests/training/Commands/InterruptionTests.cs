using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;

namespace Lentigo.Training.Tests.Commands;

[Collection(LentigoConsole.Processes)]
public sealed class InterruptionTests : IDisposable
{
    private const string Member = "mobilenet_v2";
    private readonly TemporaryFolder _folder = new();

    public InterruptionTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are sent as on Linux.");
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 4, size: 32);
        File.WriteAllText(_folder["recipe.json"], """{ "name": "small", "size": 32, "batchSize": 4, "mixup": 0.2, "ema": 0.9, "degrade": 0.3, "degradeSize": 16 }""");
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public async Task A_signal_ends_a_training_with_the_last_whole_epoch_kept_and_a_word_on_how_to_go_on(string signal)
    {
        using LentigoConsole.Running training = Train("run", epochs: 10_000);
        await training.UntilItSaysAsync("epoch 1:");
        await training.SignalAsync(signal);
        Assert.Equal(1, await training.ExitCodeAsync());
        Assert.Contains("repeat the command with --resume", training.Said, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", training.Said, StringComparison.Ordinal);
        Assert.InRange(Checkpoint.StateOf(CheckpointOf("run")).Epoch, 1, 9_999);
        Assert.Empty(Directory.GetFiles(_folder["run"], "*.partial", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_training_that_was_killed_and_resumed_ends_with_the_very_weights_of_one_that_was_not()
    {
        const int epochs = 8;
        using (LentigoConsole.Running whole = Train("whole", epochs))
        {
            Assert.Equal(0, await whole.ExitCodeAsync());
        }

        using (LentigoConsole.Running killed = Train("killed", epochs))
        {
            await killed.UntilItSaysAsync("epoch 2:");
            await killed.SignalAsync("KILL");
            Assert.Equal(128 + 9, await killed.ExitCodeAsync());
        }

        Assert.InRange(Checkpoint.StateOf(CheckpointOf("killed")).Epoch, 2, epochs - 1); // it was in the middle
        using LentigoConsole.Running resumed = Train("killed", epochs, "--resume");
        Assert.Equal(0, await resumed.ExitCodeAsync());
        foreach (string file in new[] { $"{Member}.safetensors", $"{Member}.best.safetensors" })
        {
            var expected = SafetensorsFile.Read(_folder[Path.Combine("whole", "checkpoints", file)]).Tensors;
            var actual = SafetensorsFile.Read(_folder[Path.Combine("killed", "checkpoints", file)]).Tensors;
            Assert.Equal(expected.Keys, actual.Keys);
            Assert.All(expected, e => Assert.True(e.Value.Data.Span.SequenceEqual(actual[e.Key].Data.Span), e.Key));
        }
    }

    [Fact]
    public async Task A_training_of_two_stages_that_was_killed_in_either_and_resumed_ends_with_the_very_weights_of_one_that_was_not()
    {
        SyntheticLesions.WriteHam10000(_folder["pretraining"], perClass: 4, size: 24, first: 700);
        string[] stages = ["--pretrain-data", _folder["pretraining"], "--pretrain-size", "24", "--pretrain-epochs", "4"];
        using (LentigoConsole.Running whole = Train("whole", epochs: 5, stages))
        {
            Assert.Equal(0, await whole.ExitCodeAsync());
        }

        foreach ((string run, string killedAt) in new[] { ("first", $"{Member}.pretraining epoch 2:"), ("second", $"{Member} epoch 2:") })
        {
            using (LentigoConsole.Running killed = Train(run, epochs: 5, stages))
            {
                await killed.UntilItSaysAsync(killedAt);
                await killed.SignalAsync("KILL");
                Assert.Equal(128 + 9, await killed.ExitCodeAsync());
            }

            using LentigoConsole.Running resumed = Train(run, epochs: 5, [.. stages, "--resume"]);
            Assert.Equal(0, await resumed.ExitCodeAsync());
            Assert.Contains("resumed after epoch", resumed.Said, StringComparison.Ordinal);
            foreach (string file in new[] { $"{Member}.pretraining.best.safetensors", $"{Member}.safetensors", $"{Member}.best.safetensors" })
            {
                var expected = SafetensorsFile.Read(_folder[Path.Combine("whole", "checkpoints", file)]).Tensors;
                var actual = SafetensorsFile.Read(_folder[Path.Combine(run, "checkpoints", file)]).Tensors;
                Assert.All(expected, e => Assert.True(e.Value.Data.Span.SequenceEqual(actual[e.Key].Data.Span), $"{run}: {e.Key}"));
            }
        }

        // Another first training is another training.
        using LentigoConsole.Running other = Train("second", epochs: 5, [.. stages[..^1], "3", "--resume"]);
        Assert.Equal(1, await other.ExitCodeAsync());
        Assert.Contains("was made with another recipe", other.Said, StringComparison.Ordinal);
    }

    private string CheckpointOf(string run) => RunFiles.CheckpointPath(_folder[Path.Combine(run, "checkpoints")], Member);

    private LentigoConsole.Running Train(string run, int epochs, params string[] more) => LentigoConsole.Start(
        new Dictionary<string, string> { ["XDG_CACHE_HOME"] = _folder["cache"], ["OMP_NUM_THREADS"] = "1" },
        ["train", "--data", _folder["data"], "--out", _folder[run], "--members", Member, "--recipe", _folder["recipe.json"], "--epochs", $"{epochs}",
            "--threads", "1", "--device", "cpu", .. more]);
}
