using Lentigo.Core;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Recipes;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Trainers;

public sealed class TrainerTests
{
    private static readonly TrainingRecipe Small =
        TrainingRecipe.Strong with { Size = 32, Epochs = 3, BatchSize = 14, Ema = 0.9, Flips = "none", Mixup = 0.2, Cutmix = 0.3, Degrade = 0.3,
        DegradeSize = 16 };

    [Fact]
    public void A_member_learns_a_few_synthetic_lesions_by_heart()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 4, size: 32);
        int[] all = [.. Enumerable.Range(0, data.Count)];
        DataSetSplit split = new(SplitKind.Image, all, all, "all on both sides");
        TrainingRecipe recipe = new() { Size = 32, Epochs = 20, BatchSize = 14, LearningRate = 1e-3, Flip = false, Rotation = 0, Brightness = 0, Contrast = 0,
            Saturation = 0 };
        using TemporaryFolder folder = new();
        Recorder recorder = Train("resnet18", data, split, recipe, folder.Path);
        // Of the weights that are kept. Processors add in different orders, by which one of the 28 images may be missed.
        Assert.InRange(recorder.Epochs.Last(e => e.Best).Val.Accuracy, 27.0 / 28, 1);
    }

    [Fact]
    public void Two_trainings_with_one_seed_have_the_same_losses()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 8, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder first = new(), second = new(), third = new();
        Recorder a = Train("mobilenet_v2", data, split, Small, first.Path), b = Train("mobilenet_v2", data, split, Small, second.Path);
        Assert.Equal(a.Losses, b.Losses);
        Assert.NotEqual(a.Losses, Train("mobilenet_v2", data, split, Small with { Seed = 2 }, third.Path).Losses);
    }

    [Fact]
    public void Convolutions_in_bfloat16_train_weights_in_float32_to_about_the_same_losses()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 8, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder full = new(), reduced = new();
        TrainingRecipe calm = Small with { LearningRate = 1e-4 };
        Recorder exact = Train("resnet18", data, split, calm, full.Path),
            rounded = Train("resnet18", data, split, calm with { Compute = "bfloat16" }, reduced.Path);
        Assert.NotEqual(exact.Losses, rounded.Losses);
        Assert.All(exact.Epochs.Zip(rounded.Epochs), e => Assert.Equal(e.First.TrainLoss, e.Second.TrainLoss, 0.03 * e.First.TrainLoss));
        Assert.All(SafetensorsFile.Read(reduced["resnet18.best.safetensors"]).Tensors, t => Assert.Equal(ScalarType.Float32, t.Value.ToTensor().dtype));
    }

    [Theory]
    [InlineData("float32")]
    [InlineData("bfloat16")]
    public void A_training_that_was_stopped_and_resumed_ends_with_the_weights_of_one_that_was_not(string compute)
    {
        TrainingRecipe small = Small with { Compute = compute };
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 8, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder whole = new(), stopped = new();
        Train("mobilenet_v2", data, split, small, whole.Path);

        // Stopped in the middle of the second epoch, as by Ctrl-C: only the first is in the checkpoint.
        using CancellationTokenSource stop = new();
        Recorder interrupted = new() { OnStep = step => { if (step == 5) { stop.Cancel(); } } };
        Assert.Throws<OperationCanceledException>(() => Train("mobilenet_v2", data, split, small, stopped.Path, interrupted, resume: false, stop.Token));
        Recorder resumed = Train("mobilenet_v2", data, split, small, stopped.Path, new(), resume: true, CancellationToken.None);

        Assert.Equal([2, 3], resumed.Epochs.Select(e => e.Epoch));
        foreach (string file in new[] { "mobilenet_v2.safetensors", "mobilenet_v2.best.safetensors" })
        {
            var expected = SafetensorsFile.Read(whole[file]).Tensors;
            var actual = SafetensorsFile.Read(stopped[file]).Tensors;
            Assert.Equal(expected.Keys, actual.Keys);
            Assert.All(expected, e => Assert.True(e.Value.Data.Span.SequenceEqual(actual[e.Key].Data.Span), e.Key));
        }
    }

    [Fact]
    public void The_last_epoch_is_kept_where_nothing_is_to_be_chosen()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 8, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder folder = new();
        Recorder recorder = Train("mobilenet_v2", data, split,
            Small with { SelectOn = TrainingRecipe.KeepLast, Schedule = "constant", LearningRate = 0.3, Epochs = 8 }, folder.Path);
        double[] losses = [.. recorder.Epochs.Select(e => e.Val.Loss)];
        Assert.Contains(losses.Zip(losses.Skip(1)), l => l.Second > l.First); // there would have been something to choose
        Assert.All(recorder.Epochs, e => Assert.True(e.Best));
        Assert.Equal(8, Checkpoint.StateOf(RunFiles.BestPath(folder.Path, "mobilenet_v2")).BestEpoch);
    }

    [Fact]
    public void A_checkpoint_of_another_recipe_is_not_resumed()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 6, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder folder = new();
        Train("mobilenet_v2", data, split, Small with { Epochs = 1 }, folder.Path);
        TrainingException refused = Assert.Throws<TrainingException>(
            () => Train("mobilenet_v2", data, split, Small with { LearningRate = 0.5 }, folder.Path, new(), resume: true, CancellationToken.None));
        Assert.Contains("another recipe", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loss_that_is_not_a_number_stops_the_training_and_says_where()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 6, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder folder = new();
        MemberArchitecture broken = MemberRegistry.Find("mobilenet_v2") with { Std = [0, 0, 0] };
        Trainer trainer = new(TrainingImages.Of(data, split, [], Assert.Fail), Small, CPU, [.. Enumerable.Repeat(1.0 / 7, 7)]);
        TrainingException stopped = Assert.Throws<TrainingException>(
            () => trainer.Train(new("broken", broken, 1), weights: null, folder.Path, resume: false, new Recorder(), TestContext.Current.CancellationToken));
        Assert.Contains("epoch 1, batch 1", stopped.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_disk_that_is_full_leaves_the_last_checkpoint_whole_and_room_lets_the_training_go_on()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/dev/full, the disk that is always full, is Linux's.");
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 6, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder folder = new(), undisturbed = new();
        string checkpoint = RunFiles.CheckpointPath(folder.Path, "mobilenet_v2"), partial = checkpoint + ".partial";
        byte[] first = [];
        Recorder recorder = new()
        {
            OnStep = step =>
            {
                if (step == 4) // in the second epoch of three steps
                {
                    first = File.ReadAllBytes(checkpoint);
                    File.CreateSymbolicLink(partial, "/dev/full"); // every byte written there is one too many
                }
            },
        };
        TrainingException full = Assert.Throws<TrainingException>(
            () => Train("mobilenet_v2", data, split, Small, folder.Path, recorder, resume: false, TestContext.Current.CancellationToken));
        Assert.Contains("mobilenet_v2, epoch 2, could not be written", full.Message, StringComparison.Ordinal);
        Assert.Contains("The checkpoint of epoch 1 is kept", full.Message, StringComparison.Ordinal);
        Assert.Contains("No space left", full.Message, StringComparison.Ordinal);
        Assert.Equal(first, File.ReadAllBytes(checkpoint));
        Assert.False(File.Exists(partial)); // what a full disk needs least

        Recorder resumed = Train("mobilenet_v2", data, split, Small, folder.Path, new(), resume: true, TestContext.Current.CancellationToken);
        Recorder whole = Train("mobilenet_v2", data, split, Small, undisturbed.Path);
        Assert.Equal(whole.Losses.Skip(1), resumed.Losses);
    }

    [Fact]
    public void Stopping_while_validating_keeps_the_last_whole_epoch()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 6, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder folder = new();
        using CancellationTokenSource stop = new();
        Recorder recorder = new() { OnStep = step => { if (step == 6) { stop.Cancel(); } } }; // the last step of the second epoch
        Assert.Throws<OperationCanceledException>(() => Train("mobilenet_v2", data, split, Small, folder.Path, recorder, resume: false, stop.Token));
        Assert.Equal(1, Checkpoint.StateOf(RunFiles.CheckpointPath(folder.Path, "mobilenet_v2")).Epoch);
    }

    [Fact]
    public void The_best_weights_come_back_with_the_class_prior_folded_in()
    {
        using LesionDataSet data = SyntheticLesions.DataSet(perClass: 6, size: 32);
        DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
        using TemporaryFolder folder = new();
        TrainingRecipe recipe = Small with { Epochs = 1, Balance = "class", BalancePower = 0 };
        double[] prior = [0.1, 0.1, 0.1, 0.1, 0.1, 0.4, 0.1];
        MemberSpec member = new("resnet18", MemberRegistry.Find("resnet18"), 1);
        new Trainer(TrainingImages.Of(data, split, [], Assert.Fail), recipe, CPU, prior)
            .Train(member, weights: null, folder.Path, resume: false, new Recorder(), TestContext.Current.CancellationToken);
        (var network, TrainingState state) = Checkpoint.LoadBest(RunFiles.BestPath(folder.Path, "resnet18"));
        float[] raw = SafetensorsFile.Read(RunFiles.BestPath(folder.Path, "resnet18")).Tensors["fc.bias"].ToTensor().data<float>().ToArray();
        float[] folded = network.get_parameter("fc.bias")!.data<float>().ToArray();
        Assert.Equal(Math.Log(0.4 * 7), state.Correction[5], 5);
        Assert.Equal(raw.Zip(state.Correction, (b, c) => b + c), folded);
    }

    private static Recorder Train(string member, LesionDataSet data, DataSetSplit split, TrainingRecipe recipe, string folder) =>
        Train(member, data, split, recipe, folder, new(), resume: false, TestContext.Current.CancellationToken);

    private static Recorder Train(
        string member, LesionDataSet data, DataSetSplit split, TrainingRecipe recipe, string folder, Recorder recorder, bool resume,
            CancellationToken cancellationToken)
    {
        Trainer trainer = new(TrainingImages.Of(data, split, [], Assert.Fail), recipe, CPU,
            [.. Enumerable.Repeat(1.0 / LesionClasses.Count, LesionClasses.Count)]);
        trainer.Train(new(member, MemberRegistry.Find(member), recipe.Seed), weights: null, folder, resume, recorder, cancellationToken);
        return recorder;
    }

    private sealed class Recorder : ITrainingListener
    {
        public List<EpochRecord> Epochs { get; } = [];

        public Action<long> OnStep { get; init; } = _ => { };

        public IEnumerable<(double, double)> Losses => Epochs.Select(e => (e.TrainLoss, e.Val.Loss));

        public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch)
        {
        }

        public void OnProgress(TrainingProgress progress) => OnStep(progress.Step);

        public void OnEpoch(EpochRecord epoch) => Epochs.Add(epoch);
    }
}
