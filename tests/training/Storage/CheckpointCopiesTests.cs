using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using Lentigo.Core.Models;
using Lentigo.Training.Recipes;
using Lentigo.Training.Storage;
using Lentigo.Training.Tests.Commands;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;

namespace Lentigo.Training.Tests.Storage;

[Collection(LentigoConsole.Processes)]
public sealed class CheckpointCopiesTests(StorageAccount account) : IClassFixture<StorageAccount>, IDisposable
{
    private const string Member = "mobilenet_v2";
    private const int Epochs = 5;
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_machine_that_is_lost_costs_one_epoch_and_another_one_ends_with_the_same_weights()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 4, size: 32);
        BlobContainerClient container = await account.NewContainerAsync();
        string copies = StorageAccount.Url(container, "runs/one");
        using (LentigoConsole.Running whole = Train("whole"))
        {
            Assert.Equal(0, await whole.ExitCodeAsync());
        }

        using (LentigoConsole.Running lost = Train("lost", "--checkpoints", copies))
        {
            await lost.UntilItSaysAsync("epoch 3:"); // printed when the third is on disk: its copy may be on its way
            await lost.SignalAsync("KILL");
            await lost.ExitCodeAsync();
            Assert.DoesNotContain("sig=", lost.Said, StringComparison.Ordinal);
        }

        Directory.Delete(_folder["lost"], recursive: true);
        using LentigoConsole.Running other = Train("other", "--checkpoints", copies, "--resume");
        Assert.Equal(0, await other.ExitCodeAsync());
        Assert.Matches("fetched the checkpoint of epoch [2-4]", other.Said);
        AssertSameWeights("whole", "other");

        // The log came along: every epoch is in it.
        Assert.Equal(Enumerable.Range(1, Epochs), TrainedMember.ReadLog(_folder[Path.Combine("other", "train.jsonl")]).Select(e => e.Epoch));
        Assert.Equal(Epochs, Checkpoint.StateOf(await DownloadAsync(container, $"runs/one/{Member}.safetensors")).Epoch);
        await DownloadAsync(container, $"runs/one/{Member}.best.safetensors");
    }

    [Fact]
    public async Task Members_that_were_trained_apart_are_joined_from_their_copies()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 4, size: 32);
        BlobContainerClient container = await account.NewContainerAsync();
        string[] copies = [StorageAccount.Url(container, "runs/one"), StorageAccount.Url(container, "runs/two")];
        using (LentigoConsole.Running one = Train("one", "--checkpoints", copies[0]), two = Train("two", "--checkpoints", copies[1], "--seed", "2"))
        {
            Assert.Equal((0, 0), (await one.ExitCodeAsync(), await two.ExitCodeAsync()));
        }

        using LentigoConsole.Running joined = Compose("joined", copies);
        Assert.True(await joined.ExitCodeAsync() == 0, joined.Said);
        Assert.Equal(2, ModelPackage.Open(_folder["joined"]).Manifest.Members.Count);
        Assert.DoesNotContain("sig=", joined.Said, StringComparison.Ordinal);

        using LentigoConsole.Running nothing = Compose("none", StorageAccount.Url(container, "runs/three"));
        Assert.Equal(1, await nothing.ExitCodeAsync());
        Assert.Contains("runs/three holds no trained member", nothing.Said, StringComparison.Ordinal);

        LentigoConsole.Running Compose(string to, params string[] runs) =>
            LentigoConsole.Start(new Dictionary<string, string> { ["XDG_CACHE_HOME"] = _folder["cache"] },
                ["compose", "--run", .. runs, "--data", _folder["data"], "--out", _folder[to]]);
    }

    [Fact]
    public async Task Copies_are_not_overwritten_by_another_run_and_a_SAS_that_may_not_write_is_told_before_training()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 2, size: 32);
        BlobContainerClient container = await account.NewContainerAsync();
        await container.GetBlobClient($"{Member}.safetensors").UploadAsync(BinaryData.FromString("of another run"), TestContext.Current.CancellationToken);
        using LentigoConsole.Running taken = Train("run", "--checkpoints", StorageAccount.Url(container));
        Assert.Equal(2, await taken.ExitCodeAsync());
        Assert.Contains("Continue it with --resume, or choose another --checkpoints", taken.Said, StringComparison.Ordinal);

        using LentigoConsole.Running foreign = Train("run", "--checkpoints", StorageAccount.Url(container), "--resume");
        Assert.Equal(1, await foreign.ExitCodeAsync());
        Assert.Contains("does not say its epoch", foreign.Said, StringComparison.Ordinal);

        using LentigoConsole.Running readOnly =
            Train("run", "--checkpoints", StorageAccount.Url(container, "x", BlobContainerSasPermissions.Read | BlobContainerSasPermissions.List));
        Assert.Equal(1, await readOnly.ExitCodeAsync());
        Assert.Contains("Checkpoints cannot be written to", readOnly.Said, StringComparison.Ordinal);
        Assert.DoesNotContain("Reading", readOnly.Said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_newer_of_the_local_checkpoint_and_the_copy_is_resumed_and_a_damaged_local_one_is_replaced()
    {
        BlobContainerClient container = await account.NewContainerAsync();
        List<string> said = [];
        string local = Directory.CreateDirectory(_folder["checkpoints"]).FullName, log = _folder["train.jsonl"];
        File.WriteAllText(log, "{}\n");
        CheckpointCopies copies = new(new(container), local, log, said.Add);
        CancellationToken token = TestContext.Current.CancellationToken;

        WriteCheckpoints(local, epoch: 4);
        await copies.CopyAsync(Member, 4, isBest: true);
        WriteCheckpoints(local, epoch: 5);
        await copies.FetchNewestAsync(Member, token);
        Assert.Empty(said);
        Assert.Equal(5, Checkpoint.StateOf(RunFiles.CheckpointPath(local, Member)).Epoch);

        WriteCheckpoints(local, epoch: 3);
        await copies.FetchNewestAsync(Member, token);
        Assert.Equal(4, Checkpoint.StateOf(RunFiles.CheckpointPath(local, Member)).Epoch);
        Assert.Equal(4, Checkpoint.StateOf(RunFiles.BestPath(local, Member)).Epoch);

        File.WriteAllText(RunFiles.CheckpointPath(local, Member), "half");
        await copies.FetchNewestAsync(Member, token);
        Assert.Equal(4, Checkpoint.StateOf(RunFiles.CheckpointPath(local, Member)).Epoch);
        Assert.Contains(said, s => s.Contains("takes its place", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_copy_that_fails_lets_the_training_go_on_and_is_made_up_for()
    {
        BlobContainerClient container = await account.NewContainerAsync();
        List<string> said = [];
        string local = Directory.CreateDirectory(_folder["checkpoints"]).FullName, log = _folder["train.jsonl"];
        File.WriteAllText(log, "{}\n");
        CheckpointCopies copies = new(new(container), local, log, said.Add);
        WriteCheckpoints(local, epoch: 1);
        await container.DeleteAsync(cancellationToken: TestContext.Current.CancellationToken);
        await copies.CopyAsync(Member, 1, isBest: true);
        Assert.Contains("WARNING: the checkpoint of mobilenet_v2, epoch 1, could not be copied", Assert.Single(said), StringComparison.Ordinal);

        await container.CreateAsync(cancellationToken: TestContext.Current.CancellationToken);
        WriteCheckpoints(local, epoch: 2);
        await copies.CopyAsync(Member, 2, isBest: false);
        Assert.Single(said);
        // though the second was not the best
        Assert.True(await container.GetBlobClient($"{Member}.best.safetensors").ExistsAsync(TestContext.Current.CancellationToken));
    }

    private static void WriteCheckpoints(string folder, int epoch)
    {
        TrainingState state = new("mobilenet_v2", epoch, epoch * 10, 0.5, epoch, 1, 0, new float[7], TrainingRecipe.Paper, "data", "split", 1);
        Dictionary<string, string> metadata = new() { ["state"] = System.Text.Json.JsonSerializer.Serialize(state, TrainingJson.Options) };
        using TorchSharp.torch.Tensor weight = TorchSharp.torch.ones(3);
        SafetensorsFile.Write(RunFiles.CheckpointPath(folder, Member), [("w", weight)], metadata);
        SafetensorsFile.Write(RunFiles.BestPath(folder, Member), [("w", weight)], metadata);
    }

    private void AssertSameWeights(string expectedRun, string actualRun)
    {
        foreach (string file in new[] { $"{Member}.safetensors", $"{Member}.best.safetensors" })
        {
            var expected = SafetensorsFile.Read(_folder[Path.Combine(expectedRun, "checkpoints", file)]).Tensors;
            var actual = SafetensorsFile.Read(_folder[Path.Combine(actualRun, "checkpoints", file)]).Tensors;
            Assert.Equal(expected.Keys, actual.Keys);
            Assert.All(expected, e => Assert.True(e.Value.Data.Span.SequenceEqual(actual[e.Key].Data.Span), e.Key));
        }
    }

    private async Task<string> DownloadAsync(BlobContainerClient container, string blob)
    {
        string path = _folder[Path.GetFileName(blob)];
        await container.GetBlobClient(blob).DownloadToAsync(path, TestContext.Current.CancellationToken);
        return path;
    }

    private LentigoConsole.Running Train(string run, params string[] more) => LentigoConsole.Start(
        new Dictionary<string, string> { ["XDG_CACHE_HOME"] = _folder["cache"], ["OMP_NUM_THREADS"] = "1" },
        ["train", "--data", _folder["data"], "--out", _folder[run], "--members", Member, "--size", "16", "--epochs", $"{Epochs}", "--batch", "4", "--threads",
            "1", "--device", "cpu", .. more]);
}
