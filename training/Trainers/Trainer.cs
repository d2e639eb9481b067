using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Recipes;
using Lentigo.Training.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

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
        ImageBatches images = new(_data, member.Architecture, device);
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
    public static float[][] Logits(nn.Module<Tensor, Tensor> network, ImageBatches images, IReadOnlyList<int> indices, string flips, Func<Tensor, Tensor>? change = null, CancellationToken cancellationToken = default)
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
        nn.Module<Tensor, Tensor> network, ImageBatches images, FlatParameters flat, Tensor judged, float[] correction, CancellationToken cancellationToken)
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
