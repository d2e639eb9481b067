using System.Diagnostics;
using System.Globalization;
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
/// <param name="recipe">The hyperparameters.</param>
/// <param name="device">The device of the tensors.</param>
/// <param name="prior">[7]: the class prior of the output probabilities; null for that of the validated data set.</param>
internal sealed class Trainer(TrainingImages trainingImages, TrainingRecipe recipe, Device device, IReadOnlyList<double>? prior = null)
{
    private readonly LesionDataSet _data = trainingImages.Data;
    private readonly DataSetSplit _split = trainingImages.Split;
    private readonly IReadOnlyList<double> _prior = prior ?? trainingImages.Prior;

    /// <summary>The data sources of pretraining, which the state lists before those of this training.</summary>
    public IReadOnlyList<ModelSource> PretrainingSources { get; init; } = [];

    /// <summary>The teacher whose probabilities are part of the targets, weighted by <see cref="TrainingRecipe.Distillation"/>; null for none.</summary>
    public Teacher? Teacher { get; init; }

    /// <summary>Trains one member and keeps the weights with the lowest validation loss, or those of the last epoch, as the recipe says.</summary>
    /// <param name="member">The member.</param>
    /// <param name="weights">A weights file to start from, or null for random weights.</param>
    /// <param name="folder">The folder of checkpoints: <c>{member}.safetensors</c> after each epoch, <c>{member}.best.safetensors</c>.</param>
    /// <param name="resume">Whether to resume from the checkpoint, bit for bit; the recipe may have more epochs than before.</param>
    /// <param name="listener">Receives progress.</param>
    /// <param name="cancellationToken">Stops after the current step; the checkpoint of the last finished epoch is kept.</param>
    /// <exception cref="TrainingException">The loss is not finite, or the checkpoint belongs to another training.</exception>
    public void Train(MemberSpec member, string? weights, string folder, bool resume, ITrainingListener listener, CancellationToken cancellationToken)
    {
        using DisposeScope everything = NewDisposeScope();
        TrainingRecipe memberRecipe = recipe with { Seed = member.Seed };
        BatchSampler sampler = new(_data, _split.Train, memberRecipe);
        float[] correction = LogitPrior.Correction(sampler.TrainedPrior, _prior);
        Augmentation augmentation = new(memberRecipe);
        BatchMixing mixing = new(memberRecipe);
        ImageBatches images = new(_data, member.Architecture, device);
        // A last batch of a single image is dropped: batch normalization needs two.
        int stepsPerEpoch = (sampler.Length + recipe.BatchSize - 2) / recipe.BatchSize;
        long steps = (long)stepsPerEpoch * recipe.Epochs;
        Schedule schedule = new(recipe, steps);
        Tensor classWeights = tensor(TrainingLoss.ClassWeights(_data.ClassCounts(_split.Train), recipe.ClassWeightBeta), device: device);

        manual_seed(member.Seed);
        using nn.Module<Tensor, Tensor> network = member.Architecture.Create(LesionClasses.Count, recipe.Size).to(device);
        string checkpoint = RunFiles.CheckpointPath(folder, member.Name);
        bool resuming = resume && File.Exists(checkpoint);
        StartWeightsReport? start = !resuming && weights is not null
            ? StartWeights.Load(network, weights, images.Sample(_split.Train, memberRecipe.Seed), member.Architecture.PublicNames) : null;
        using FlatParameters flat = new(network);
        using AdamW optimizer = new(flat);
        using ReducedPrecision? reduced = recipe.Compute == "bfloat16" ? new(network, member.Architecture.Create(LesionClasses.Count, recipe.Size).to(device))
            : null;
        nn.Module<Tensor, Tensor> trained = reduced?.Network ?? network;
        Tensor? average = recipe.Ema > 0 ? flat.Values.clone() : null;
        TrainingState state = new(
            member.Architecture.Name, 0, 0, double.PositiveInfinity, 0, 1, 0, correction, memberRecipe, trainingImages.Validated.Fingerprint,
                _split.Fingerprint, 0)
        {
            Prior = _prior,
            Sources = [.. PretrainingSources, .. trainingImages.Sources],
        };
        if (resuming)
        {
            state = Checkpoint.Restore(checkpoint, state, flat, optimizer, average);
            schedule.Factor = state.PlateauFactor;
            schedule.EpochsWithoutImprovement = state.EpochsWithoutImprovement;
        }

        listener.OnStart(member.Name, start, state.Epoch);
        if (resuming && state.Recipe.Epochs < recipe.Epochs)
        {
            (double before, _) = new Schedule(recipe, (long)stepsPerEpoch * state.Recipe.Epochs) { Factor = schedule.Factor }.At(Math.Max(0, state.Step - 1));
            (double now, _) = schedule.At(state.Step);
            listener.OnNote($"{member.Name} was planned for {state.Recipe.Epochs} epochs and now trains for {recipe.Epochs}: "
                + (recipe.Schedule is "one-cycle" or "cosine"
                    ? string.Create(CultureInfo.InvariantCulture,
                        $"the {recipe.Schedule} schedule is stretched over all of them, so the learning rate continues at {now:g3} after {before:g3}. The "
                        + $"result differs from {recipe.Epochs} epochs from the start.")
                    : "its learning rate is unchanged."));
            state = state with { Recipe = memberRecipe };
        }

        double? accuracy = null;
        while (state.Epoch < recipe.Epochs)
        {
            Stopwatch clock = Stopwatch.StartNew();
            int epoch = state.Epoch + 1, done = 0;

            // Each epoch has a seed derived from its number, so that a resumed training draws the same numbers as an uninterrupted one.
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

                    (x, targets) = mixing.Apply(x, targets);
                    x = images.Normalize(x);
                    x = reduced is null ? x : x.to(ReducedPrecision.Type);
                }

                Tensor loss = TrainingLoss.Compute(trained.call(x), targets, classWeights, recipe.FocalGamma);
                loss.backward();
                reduced?.CollectGradients();
                double value = loss.item<float>();
                if (!double.IsFinite(value))
                {
                    throw new TrainingException(
                        $"The loss of {member.Name} became {value} in epoch {epoch}, batch {batch + 1}. {Kept(state.Epoch, folder)} Train into another --out "
                            + $"with a lower learning rate (now {learningRate:g3}) or a clipped gradient (clipNorm 1 in a recipe file); --weights {folder} "
                            + "starts from what is kept.");
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
                    SafetensorsFile.Write(RunFiles.BestPath(folder, member.Name), flat.Named(judged), Checkpoint.MetadataOf(state));
                }

                Checkpoint.Save(checkpoint, state, flat, optimizer, average);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new TrainingException(
                    $"The checkpoint of {member.Name}, epoch {epoch}, could not be written to {folder}: {e.Message.TrimEnd('.')}. {Kept(epoch - 1, folder)} "
                        + "Make room, then repeat the command with --resume.", e);
            }

            listener.OnEpoch(new(member.Name, epoch, learningRate, lossSum / done, all, strata, kept, done / trainSeconds, clock.Elapsed.TotalSeconds));
        }
    }

    private (ValidationRecord All, Dictionary<string, ValidationRecord> Strata) Validate(
        nn.Module<Tensor, Tensor> network, ImageBatches images, FlatParameters flat, Tensor judged, float[] correction, CancellationToken cancellationToken)
    {
        using IDisposable noGradient = no_grad();
        using Tensor trained = flat.Values.clone();
        flat.Values.copy_(judged);
        float[][] logits = MemberLogits.Compute(network, images, _split.Val, recipe.Flips, change: null, cancellationToken);
        flat.Values.copy_(trained);
        double[][] probabilities = [.. logits.Select(row => EnsembleOutput.Softmax([.. row.Zip(correction, (z, c) => z + c)], 1))];
        if (probabilities.Any(p => p.Any(double.IsNaN)))
        {
            throw new TrainingException("The network answers NaN on the validation images: its weights have diverged. Train into another --out with a lower "
                + "learning rate or a clipped gradient (clipNorm 1 in a recipe file).");
        }

        ValidationRecord Of(IEnumerable<int> chosen)
        {
            int[] at = [.. chosen];
            ClassificationMetrics m = ClassificationMetrics.Compute([.. at.Select(i => _data.Records[_split.Val[i]].Label)],
                [.. at.Select(i => probabilities[i])]);
            return new(m.Count, m.LogLoss, m.Accuracy, m.BalancedAccuracy, m.MacroAuc);
        }

        int[] all = [.. Enumerable.Range(0, _split.Val.Count)];
        return (Of(all), all.GroupBy(i => _data.Records[_split.Val[i]].Stratum).ToDictionary(g => g.Key, g => Of(g)));
    }

    // The average follows faster at first, so that it soon forgets the random initialization.
    private double AverageShare(long step) => 1 - Math.Min(recipe.Ema, (step + 1.0) / (step + 10.0));

    private static string Kept(int epoch, string folder) => epoch == 0 ? "No epoch was finished yet." : $"The checkpoint of epoch {epoch} is kept in {folder}.";
}
