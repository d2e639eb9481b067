using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training;

/// <summary>One member of the ensemble to train.</summary>
/// <param name="Name">Its name, unique in the ensemble: the architecture's, with <c>@seed</c> where another seed was asked for.</param>
/// <param name="Architecture">The network.</param>
/// <param name="Seed">The seed of its weights, batches and augmentation.</param>
public sealed record MemberSpec(string Name, MemberArchitecture Architecture, int Seed)
{
    private const string PretrainingSuffix = ".pretraining";

    /// <summary>The member's first training, where it has one; its checkpoints and its lines in the log have this name.</summary>
    public MemberSpec OfPretraining() => this with { Name = Name + PretrainingSuffix };

    /// <summary>Whether a name is that of a first training.</summary>
    public static bool IsPretraining(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.EndsWith(PretrainingSuffix, StringComparison.Ordinal);
    }

    /// <summary>Reads <c>resnet18,mobilenet_v2,resnet18@7</c>.</summary>
    /// <exception cref="TrainingException">A name is unknown or given twice, or a seed is no number.</exception>
    public static IReadOnlyList<MemberSpec> Parse(string list, int seed)
    {
        ArgumentNullException.ThrowIfNull(list);
        List<MemberSpec> members = [];
        foreach (string name in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string[] parts = name.Split('@');
            int own = seed;
            if (parts.Length > 2 || (parts.Length == 2 && !int.TryParse(parts[1], out own)))
            {
                throw new TrainingException($"The member '{name}' is not understood; write a name, or a name and a seed such as resnet18@7.");
            }

            members.Add(new(name, MemberRegistry.Find(parts[0]), own));
        }

        string? twice = members.GroupBy(m => m.Name).FirstOrDefault(g => g.Count() > 1)?.Key;
        return (members.Count, twice) switch
        {
            (0, _) => throw new TrainingException("No members were named. Write --members resnet18,mobilenet_v2."),
            (_, not null) => throw new TrainingException($"The member '{twice}' is named twice; give one of them another seed, such as {twice}@2."),
            _ => members,
        };
    }
}

/// <summary>Where a training stands, for the screen.</summary>
/// <param name="Member">The member's name.</param>
/// <param name="Step">The steps done in the whole training of the member.</param>
/// <param name="Steps">All its steps.</param>
/// <param name="ImagesPerSecond">The speed over this epoch.</param>
/// <param name="Loss">The mean training loss of this epoch so far.</param>
/// <param name="ValAccuracy">The accuracy after the last epoch, or null in the first.</param>
/// <param name="TimeLeft">What the rest of this member will take at this speed.</param>
public sealed record TrainingProgress(string Member, long Step, long Steps, double ImagesPerSecond, double Loss, double? ValAccuracy, TimeSpan TimeLeft);

/// <summary>Metrics of some validation images.</summary>
/// <param name="Count">Their number.</param>
/// <param name="Loss">The mean cross-entropy in nats.</param>
/// <param name="Accuracy">The share of correct answers.</param>
/// <param name="BalancedAccuracy">The mean recall over the classes.</param>
/// <param name="MacroAuc">The mean area under the ROC curve, or null.</param>
public sealed record ValidationRecord(int Count, double Loss, double Accuracy, double BalancedAccuracy, double? MacroAuc);

/// <summary>A line of the log: one epoch.</summary>
/// <param name="Member">The member's name.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="LearningRate">The learning rate of its last step.</param>
/// <param name="TrainLoss">The mean training loss.</param>
/// <param name="Val">Metrics on all validation images.</param>
/// <param name="Strata">Metrics on the validation images of each resolution.</param>
/// <param name="Best">Whether this epoch's weights are kept, in the place of an earlier epoch's.</param>
/// <param name="ImagesPerSecond">Training images a second, without validation.</param>
/// <param name="Seconds">What the epoch took, with validation.</param>
public sealed record EpochRecord(
    string Member, int Epoch, double LearningRate, double TrainLoss, ValidationRecord Val, IReadOnlyDictionary<string, ValidationRecord> Strata,
    bool Best, double ImagesPerSecond, double Seconds);

/// <summary>What a checkpoint knows beside its tensors.</summary>
/// <param name="Architecture">The network's name.</param>
/// <param name="Epoch">The epochs done.</param>
/// <param name="Step">The optimizer's steps done.</param>
/// <param name="BestLoss">The lowest validation loss.</param>
/// <param name="BestEpoch">The epoch whose weights are kept.</param>
/// <param name="PlateauFactor">What the plateau schedule has multiplied the learning rate with.</param>
/// <param name="EpochsWithoutImprovement">The plateau schedule's count.</param>
/// <param name="Correction">[7]: what is added to the logits for the class prior.</param>
/// <param name="Recipe">The recipe.</param>
/// <param name="DataFingerprint">That of the data set that is validated on.</param>
/// <param name="SplitFingerprint">The split's.</param>
/// <param name="Seconds">The training time so far.</param>
public sealed record TrainingState(
    string Architecture, int Epoch, long Step, double BestLoss, int BestEpoch, double PlateauFactor, int EpochsWithoutImprovement,
    float[] Correction, TrainingRecipe Recipe, string DataFingerprint, string SplitFingerprint, double Seconds)
{
    /// <summary>[7]: the class prior that the corrected logits are for; null in checkpoints that do not say.</summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>The sources of all stages; null in checkpoints that do not say.</summary>
    public IReadOnlyList<ModelSource>? Sources { get; init; }
}

/// <summary>Hears what happens in a training.</summary>
public interface ITrainingListener
{
    /// <summary>The start weights were loaded.</summary>
    public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch);

    /// <summary>Something is to be known of the training, in a sentence.</summary>
    public void OnNote(string sentence)
    {
    }

    /// <summary>Some steps were made.</summary>
    public void OnProgress(TrainingProgress progress);

    /// <summary>An epoch is over.</summary>
    public void OnEpoch(EpochRecord epoch);
}

/// <summary>The training loop.</summary>
/// <param name="trainingImages">The images to train and to validate on, decoded to the recipe's size.</param>
/// <param name="recipe">Every hyper-parameter.</param>
/// <param name="device">Where the tensors live.</param>
/// <param name="prior">[7]: the class prior that the probabilities shall hold for; null for that of the data set that is validated on.</param>
public sealed class Trainer(TrainingImages trainingImages, TrainingRecipe recipe, Device device, IReadOnlyList<double>? prior = null)
{
    private const int ValidationBatch = 64; // larger ones leave the processor's cache

    private readonly LesionDataSet _data = trainingImages.Data;
    private readonly DataSetSplit _split = trainingImages.Split;
    private readonly IReadOnlyList<double> _prior = prior ?? trainingImages.Prior;

    /// <summary>The sources of a first training, which the state of this one names beside its own.</summary>
    public IReadOnlyList<ModelSource> PretrainingSources { get; init; } = [];

    /// <summary>Whose answers are learnt beside the labels, as much as the recipe's <see cref="TrainingRecipe.Distillation"/> says; null for nobody's.</summary>
    public Teacher? Teacher { get; init; }

    /// <summary>Trains one member and keeps the weights of the lowest validation loss, or of the last epoch, as the recipe says.</summary>
    /// <param name="member">The member.</param>
    /// <param name="weights">A weights file to start from, or null for random weights.</param>
    /// <param name="folder">The folder of checkpoints: <c>{member}.safetensors</c> after each epoch, <c>{member}.best.safetensors</c>.</param>
    /// <param name="resume">Whether to go on from the checkpoint, bit for bit; the recipe may have more epochs than before.</param>
    /// <param name="listener">Hears of progress.</param>
    /// <param name="cancellationToken">Stops after the current step; the checkpoint of the last whole epoch stays.</param>
    /// <exception cref="TrainingException">The loss is not a number, or the checkpoint is of another training.</exception>
    public void Train(MemberSpec member, string? weights, string folder, bool resume, ITrainingListener listener, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(member);
        ArgumentNullException.ThrowIfNull(listener);
        using DisposeScope everything = NewDisposeScope();
        TrainingRecipe own = recipe with { Seed = member.Seed };
        BatchSampler sampler = new(_data, _split.Train, own);
        float[] correction = LogitPrior.Correction(sampler.TrainedPrior, _prior);
        Augmentation augmentation = new(own);
        Images images = new(_data, member.Architecture, device);
        // A last batch of one image is left out: batch normalisation needs two.
        int stepsPerEpoch = (sampler.Length + recipe.BatchSize - 2) / recipe.BatchSize;
        long steps = (long)stepsPerEpoch * recipe.Epochs;
        Schedule schedule = new(recipe, steps);
        Tensor classWeights = tensor(TrainingLoss.ClassWeights(_data.ClassCounts(_split.Train), recipe.ClassWeightBeta), device: device);

        manual_seed(member.Seed);
        using nn.Module<Tensor, Tensor> network = member.Architecture.Create(LesionClasses.Count, recipe.Size).to(device);
        string checkpoint = CheckpointPath(folder, member.Name);
        bool resuming = resume && File.Exists(checkpoint);
        StartWeightsReport? start = !resuming && weights is not null ? StartWeights.Load(network, weights, images.Sample(_split.Train, own.Seed), member.Architecture.PublicNames) : null;
        using FlatParameters flat = new(network);
        using AdamW optimizer = new(flat);
        using ReducedPrecision? reduced = recipe.Compute == "bfloat16" ? new(network, member.Architecture.Create(LesionClasses.Count, recipe.Size).to(device)) : null;
        nn.Module<Tensor, Tensor> trained = reduced?.Network ?? network;
        Tensor? average = recipe.Ema > 0 ? flat.Values.clone() : null;
        TrainingState state = new(
            member.Architecture.Name, 0, 0, double.PositiveInfinity, 0, 1, 0, correction, own, trainingImages.Validated.Fingerprint, _split.Fingerprint, 0)
        {
            Prior = _prior,
            Sources = [.. PretrainingSources, .. trainingImages.Sources],
        };
        if (resuming)
        {
            state = Restore(checkpoint, state, flat, optimizer, average);
            schedule.Factor = state.PlateauFactor;
            schedule.EpochsWithoutImprovement = state.EpochsWithoutImprovement;
        }

        listener.OnStart(member.Name, start, state.Epoch);
        if (resuming && state.Recipe.Epochs < recipe.Epochs)
        {
            (double before, _) = new Schedule(recipe, (long)stepsPerEpoch * state.Recipe.Epochs) { Factor = schedule.Factor }.At(Math.Max(0, state.Step - 1));
            (double now, _) = schedule.At(state.Step);
            listener.OnNote($"{member.Name} was to train {state.Recipe.Epochs} epochs and now trains {recipe.Epochs}: "
                + (recipe.Schedule is "one-cycle" or "cosine"
                    ? string.Create(CultureInfo.InvariantCulture, $"the {recipe.Schedule} schedule is stretched over all of them, so the learning rate goes on at {now:g3} after {before:g3}. It is not what {recipe.Epochs} epochs from the start give.")
                    : "its learning rate goes on as it was."));
            state = state with { Recipe = own };
        }

        double? accuracy = null;
        while (state.Epoch < recipe.Epochs)
        {
            Stopwatch clock = Stopwatch.StartNew();
            int epoch = state.Epoch + 1, done = 0;

            // Every epoch starts from its own seed: a training that is resumed draws what an uninterrupted one does.
            manual_seed(unchecked((member.Seed * 1_000_003L) + epoch));
            int[] order = sampler.Epoch(epoch);
            double lossSum = 0, learningRate = 0;
            trained.train();
            reduced?.Refresh();
            for (int batch = 0; batch < stepsPerEpoch; batch++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int[] chosen = order[(batch * recipe.BatchSize)..Math.Min(order.Length, (batch + 1) * recipe.BatchSize)];
                using DisposeScope scope = NewDisposeScope();
                long step = state.Step + batch;
                (learningRate, double beta1) = schedule.At(step);
                Tensor x, targets;
                using (no_grad())
                {
                    x = augmentation.Apply(images.Load(chosen));
                    targets = TrainingLoss.Targets([.. chosen.Select(i => _data.Records[i].Label)], LesionClasses.Count, recipe.LabelSmoothing).to(device);
                    if (Teacher is not null)
                    {
                        float[] taught = [.. chosen.SelectMany(i => Teacher.Answer(_data.Records[i].Id, sampler.TrainedPrior)).Select(p => (float)p)];
                        targets = targets.lerp(tensor(taught, [chosen.Length, LesionClasses.Count]).to(device), recipe.Distillation);
                    }

                    (x, targets) = Mix(x, targets);
                    x = images.Normalise(x);
                    x = reduced is null ? x : x.to(ReducedPrecision.Type);
                }

                Tensor loss = TrainingLoss.Compute(trained.call(x), targets, classWeights, recipe.FocalGamma);
                loss.backward();
                reduced?.CollectGradients();
                double value = loss.item<float>();
                if (!double.IsFinite(value))
                {
                    throw new TrainingException(
                        $"The loss of {member.Name} became {value} in epoch {epoch}, batch {batch + 1}. {Kept(state.Epoch, folder)} Train into another --out with a lower learning rate (now {learningRate:g3}) or a clipped gradient (clipNorm 1 in a recipe file); --weights {folder} starts from what is kept.");
                }

                optimizer.Step(learningRate, recipe.Optimizer == "adamw" ? recipe.WeightDecay : 0, beta1, recipe.ClipNorm);
                reduced?.Refresh();
                average?.lerp_(flat.Values, AverageShare(step));
                lossSum += value * chosen.Length;
                done += chosen.Length;
                double speed = done / clock.Elapsed.TotalSeconds;
                listener.OnProgress(new(
                    member.Name, step + 1, steps, speed, lossSum / done, accuracy,
                    TimeSpan.FromSeconds((steps - step - 1) * recipe.BatchSize / speed)));
            }

            double trainSeconds = clock.Elapsed.TotalSeconds;
            Tensor judged = average ?? flat.Values;
            (ValidationRecord all, Dictionary<string, ValidationRecord> strata) = Validate(network, images, flat, judged, correction, cancellationToken);
            accuracy = all.Accuracy;
            double selected = recipe.SelectOn is "all" or TrainingRecipe.KeepLast ? all.Loss : strata[recipe.SelectOn].Loss;
            bool improved = selected < state.BestLoss, kept = improved || recipe.SelectOn == TrainingRecipe.KeepLast;
            schedule.EndEpoch(improved);
            state = state with
            {
                Epoch = epoch,
                Step = state.Step + stepsPerEpoch,
                BestLoss = improved ? selected : state.BestLoss,
                BestEpoch = kept ? epoch : state.BestEpoch,
                PlateauFactor = schedule.Factor,
                EpochsWithoutImprovement = schedule.EpochsWithoutImprovement,
                Seconds = state.Seconds + clock.Elapsed.TotalSeconds,
            };
            try
            {
                if (kept)
                {
                    SafetensorsFile.Write(BestPath(folder, member.Name), flat.Named(judged), StateMetadata(state));
                }

                Save(checkpoint, state, flat, optimizer, average);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new TrainingException(
                    $"The checkpoint of {member.Name}, epoch {epoch}, could not be written to {folder}: {e.Message.TrimEnd('.')}. {Kept(epoch - 1, folder)} Make room, then repeat the command with --resume.", e);
            }

            listener.OnEpoch(new(member.Name, epoch, learningRate, lossSum / done, all, strata, kept, done / trainSeconds, clock.Elapsed.TotalSeconds));
        }
    }

    /// <summary>A trained network in evaluation mode with its best weights, the class prior folded into the last layer.</summary>
    /// <param name="path">The file that <see cref="BestPath"/> names.</param>
    /// <exception cref="WeightsFileException">The file is missing, damaged or no checkpoint.</exception>
    public static (nn.Module<Tensor, Tensor> Network, TrainingState State) LoadBest(string path)
    {
        (IReadOnlyDictionary<string, WeightTensor> tensors, TrainingState state) = ReadState(path);
        MemberArchitecture architecture = MemberRegistry.Find(state.Architecture);
        nn.Module<Tensor, Tensor> network = architecture.Create(LesionClasses.Count, state.Recipe.Size);
        using (no_grad())
        {
            foreach ((string name, Tensor target) in network.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).Concat(network.named_buffers().Select(b => (b.name, b.buffer))))
            {
                if (tensors.TryGetValue(name, out WeightTensor? source))
                {
                    using Tensor value = source.ToTensor();
                    target.copy_(value);
                }
                else if (target.is_floating_point())
                {
                    throw new WeightsFileException($"The checkpoint {path} lacks {name}: it is of another network than {architecture.Name}.");
                }
            }
        }

        LogitPrior.Fold(network, architecture.Head, state.Correction);
        network.eval();
        return (network, state);
    }

    /// <summary>What a checkpoint knows beside its tensors.</summary>
    /// <exception cref="WeightsFileException">It is damaged, or no checkpoint of this trainer.</exception>
    public static TrainingState StateOf(string checkpoint) => ReadState(checkpoint).State;

    /// <summary>The checkpoint after each epoch.</summary>
    public static string CheckpointPath(string folder, string member) => Path.Combine(folder, $"{member}.safetensors");

    /// <summary>The weights of the lowest validation loss.</summary>
    public static string BestPath(string folder, string member) => Path.Combine(folder, $"{member}.best.safetensors");

    /// <summary>Logits [n][7] of images, averaged over the views that the recipe names.</summary>
    /// <param name="network">The network.</param>
    /// <param name="images">Loads and normalises.</param>
    /// <param name="indices">The images, n of them.</param>
    /// <param name="flips"><c>none</c>, <c>horizontal</c> or <c>all</c>.</param>
    /// <param name="change">What to do with the pixels [b, 3, s, s] before, for instance to blur them; null for nothing.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    public static float[][] Logits(nn.Module<Tensor, Tensor> network, Images images, IReadOnlyList<int> indices, string flips, Func<Tensor, Tensor>? change = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(images);
        network.eval();
        using IDisposable noGradient = no_grad();
        List<float[]> rows = [];
        foreach (int[] batch in indices.Chunk(ValidationBatch))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            Tensor pixels = images.Load(batch);
            Tensor x = images.Normalise(change is null ? pixels : change(pixels));
            long[][] views = flips switch { "all" => [[], [3], [2], [2, 3]], "horizontal" => [[], [3]], _ => [[]] };
            using Scalar count = views.Length;
            Tensor logits = views.Select(axes => network.call(axes.Length == 0 ? x : x.flip(axes))).Aggregate((a, b) => a + b) / count;
            float[] values = logits.cpu().data<float>().ToArray();
            rows.AddRange(values.Chunk(LesionClasses.Count));
        }

        return [.. rows];
    }

    private (ValidationRecord All, Dictionary<string, ValidationRecord> Strata) Validate(
        nn.Module<Tensor, Tensor> network, Images images, FlatParameters flat, Tensor judged, float[] correction, CancellationToken cancellationToken)
    {
        using IDisposable noGradient = no_grad();
        using Tensor trained = flat.Values.clone();
        flat.Values.copy_(judged);
        float[][] logits = Logits(network, images, _split.Val, recipe.Flips, change: null, cancellationToken);
        flat.Values.copy_(trained);
        double[][] probabilities = [.. logits.Select(row => EnsembleOutput.Softmax([.. row.Zip(correction, (z, c) => z + c)], 1))];
        if (probabilities.Any(p => p.Any(double.IsNaN)))
        {
            throw new TrainingException("The network answers NaN on the validation images: its weights have diverged. Train into another --out with a lower learning rate or a clipped gradient (clipNorm 1 in a recipe file).");
        }

        ValidationRecord Of(IEnumerable<int> chosen)
        {
            int[] at = [.. chosen];
            ClassificationMetrics m = ClassificationMetrics.Compute([.. at.Select(i => _data.Records[_split.Val[i]].Label)], [.. at.Select(i => probabilities[i])]);
            return new(m.Count, m.LogLoss, m.Accuracy, m.BalancedAccuracy, m.MacroAuc);
        }

        int[] all = [.. Enumerable.Range(0, _split.Val.Count)];
        return (Of(all), all.GroupBy(i => _data.Records[_split.Val[i]].Stratum).ToDictionary(g => g.Key, g => Of(g)));
    }

    /// <summary>Mixup or cutmix of a batch with itself in another order.</summary>
    private (Tensor Images, Tensor Targets) Mix(Tensor x, Tensor targets)
    {
        bool cut = recipe.Cutmix > 0 && rand(1).item<float>() < recipe.Cutmix;
        if (!cut && recipe.Mixup == 0)
        {
            return (x, targets);
        }

        Tensor order = randperm(x.shape[0], dtype: ScalarType.Int64).to(device);
        if (!cut)
        {
            double share = Beta(recipe.Mixup);
            return (x.lerp(x.index_select(0, order), 1 - share), targets.lerp(targets.index_select(0, order), 1 - share));
        }

        int side = (int)x.shape[3], width = (int)Math.Round(side * Math.Sqrt(rand(1).item<float>()));
        int left = (int)(rand(1).item<float>() * (side - width + 1)), top = (int)(rand(1).item<float>() * (side - width + 1));
        Tensor mixed = x.clone();
        mixed.narrow(2, top, width).narrow(3, left, width).copy_(x.index_select(0, order).narrow(2, top, width).narrow(3, left, width));
        return (mixed, targets.lerp(targets.index_select(0, order), (double)width * width / ((double)side * side)));
    }

    // X / (X + Y) of two gamma variables is beta distributed.
    private static double Beta(double alpha)
    {
        using Tensor concentration = tensor([(float)alpha, (float)alpha]);
        using Tensor sample = distributions.Dirichlet(concentration).sample(), first = sample[0];
        return first.item<float>();
    }

    // A young average follows faster, so that the random start is soon forgotten.
    private double AverageShare(long step) => 1 - Math.Min(recipe.Ema, (step + 1.0) / (step + 10.0));

    private static string Kept(int epoch, string folder) => epoch == 0 ? "No epoch was finished yet." : $"The checkpoint of epoch {epoch} is kept in {folder}.";

    private static void Save(string path, TrainingState state, FlatParameters flat, AdamW optimizer, Tensor? average)
    {
        List<(string, Tensor)> tensors = [.. flat.Named(flat.Values), ("optimizer.mean", optimizer.Mean), ("optimizer.square", optimizer.Square)];
        if (average is not null)
        {
            tensors.Add(("average", average));
        }

        SafetensorsFile.Write(path, tensors, StateMetadata(state));
    }

    private static TrainingState Restore(string path, TrainingState expected, FlatParameters flat, AdamW optimizer, Tensor? average)
    {
        (IReadOnlyDictionary<string, WeightTensor> tensors, TrainingState state) = ReadState(path);
        string? differs = state.Architecture != expected.Architecture ? "network"
            : state.Recipe with { Epochs = expected.Recipe.Epochs } != expected.Recipe ? "recipe"
            : state.Recipe.Epochs > expected.Recipe.Epochs ? $"number of epochs, {state.Recipe.Epochs}, which can become more and not fewer"
            : state.DataFingerprint != expected.DataFingerprint ? "data set"
            : state.SplitFingerprint != expected.SplitFingerprint ? "split"
            : !(state.Sources ?? expected.Sources!).SequenceEqual(expected.Sources!) ? "choice of sources"
            : null;
        if (differs is not null)
        {
            throw new TrainingException($"The checkpoint {path} was made with another {differs}: it cannot be resumed with these options. Repeat the options of the first run, or choose another --out.");
        }

        using IDisposable noGradient = no_grad();
        void Set(Tensor target, string name)
        {
            using Tensor value = (tensors.TryGetValue(name, out WeightTensor? source) ? source : throw new WeightsFileException($"The checkpoint {path} lacks {name}.")).ToTensor();
            target.copy_(value);
        }

        foreach ((string name, Tensor view) in flat.Named(flat.Values))
        {
            Set(view, name);
        }

        Set(optimizer.Mean, "optimizer.mean");
        Set(optimizer.Square, "optimizer.square");
        if (average is not null)
        {
            Set(average, "average");
        }

        optimizer.Steps = state.Step;
        return state;
    }

    private static (IReadOnlyDictionary<string, WeightTensor> Tensors, TrainingState State) ReadState(string path)
    {
        (IReadOnlyDictionary<string, WeightTensor> tensors, IReadOnlyDictionary<string, string> metadata) = SafetensorsFile.Read(path);
        try
        {
            return metadata.TryGetValue("state", out string? json) && JsonSerializer.Deserialize<TrainingState>(json, TrainingJson.Options) is { } state
                ? (tensors, state)
                : throw new WeightsFileException($"{path} is not a checkpoint of this trainer: its metadata has no 'state'.");
        }
        catch (JsonException e)
        {
            throw new WeightsFileException($"{path} is a checkpoint of another version of this trainer: {e.Message}", e);
        }
    }

    private static Dictionary<string, string> StateMetadata(TrainingState state) => new() { ["state"] = JsonSerializer.Serialize(state, TrainingJson.Options) };
}

/// <summary>Loads batches of a data set onto a device and normalises them for a network.</summary>
public sealed class Images
{
    private readonly Tensor _pixels;
    private readonly Tensor _mean;
    private readonly Tensor _std;
    private readonly Device _device;

    /// <summary>Belongs to the dispose scope that it is made in.</summary>
    public Images(LesionDataSet data, MemberArchitecture architecture, Device device)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(architecture);
        _device = device;
        _pixels = device.type == DeviceType.CPU ? data.Pixels.alias() : data.Pixels.to(device);
        _mean = tensor(architecture.Mean.ToArray(), [1, 3, 1, 1]).to(device);
        _std = tensor(architecture.Std.ToArray(), [1, 3, 1, 1]).to(device);
    }

    /// <summary>float [n, 3, s, s] in 0 to 1.</summary>
    public Tensor Load(int[] chosen)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor indices = tensor([.. chosen.Select(i => (long)i)], dtype: ScalarType.Int64).to(_device);
        return (_pixels.index_select(0, indices).permute(0, 3, 1, 2).to(ScalarType.Float32) / 255).MoveToOuterDisposeScope();
    }

    /// <summary>Normalised images in the memory format that convolutions run fastest on.</summary>
    public Tensor Normalise(Tensor images)
    {
        using DisposeScope scope = NewDisposeScope();
        return ((images - _mean) / _std).permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2).MoveToOuterDisposeScope();
    }

    /// <summary>Four normalised batches of 128 training images, to measure activations with.</summary>
    public IReadOnlyList<Tensor> Sample(IReadOnlyList<int> images, int seed)
    {
        int[] order = [.. images];
        new Random(seed).Shuffle(order);
        return [.. order.Take(512).Chunk(128).Select(batch => Normalise(Load(batch)))];
    }
}
