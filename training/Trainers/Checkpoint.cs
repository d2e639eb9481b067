using System.Text.Json;
using Lentigo.Core;
using Lentigo.Training.Networks;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>Reads and writes checkpoints: safetensors files whose metadata holds the <see cref="TrainingState"/>.</summary>
internal static class Checkpoint
{
    /// <summary>A trained network in evaluation mode with its best weights, the class prior folded into the last layer.</summary>
    /// <param name="path">The file that <see cref="RunFiles.BestPath"/> names.</param>
    /// <exception cref="WeightsFileException">The file is missing, damaged or no checkpoint.</exception>
    public static (nn.Module<Tensor, Tensor> Network, TrainingState State) LoadBest(string path)
    {
        (IReadOnlyDictionary<string, WeightTensor> tensors, TrainingState state) = ReadState(path);
        MemberArchitecture architecture = MemberRegistry.Find(state.Architecture);
        nn.Module<Tensor, Tensor> network = architecture.Create(LesionClasses.Count, state.Recipe.Size);
        using (no_grad())
        {
            foreach ((string name, Tensor target) in network.named_parameters().Select(p => (p.name, (Tensor)p.parameter))
                .Concat(network.named_buffers().Select(b => (b.name, b.buffer))))
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

    /// <summary>Writes a checkpoint: the weights, the optimizer's moments, the moving average where there is one, and the state.</summary>
    public static void Save(string path, TrainingState state, FlatParameters flat, AdamW optimizer, Tensor? average)
    {
        List<(string, Tensor)> tensors = [.. flat.Named(flat.Values), ("optimizer.mean", optimizer.Mean), ("optimizer.square", optimizer.Square)];
        if (average is not null)
        {
            tensors.Add(("average", average));
        }

        SafetensorsFile.Write(path, tensors, MetadataOf(state));
    }

    /// <summary>Restores a checkpoint, bit for bit, and returns its state.</summary>
    /// <param name="path">The checkpoint.</param>
    /// <param name="expected">The state of the same training at its start, with which the checkpoint must agree.</param>
    /// <param name="flat">Receives the weights.</param>
    /// <param name="optimizer">Receives its moments and step count.</param>
    /// <param name="average">Receives the moving average of the weights; null where the recipe has none.</param>
    /// <exception cref="TrainingException">The checkpoint belongs to another training.</exception>
    /// <exception cref="WeightsFileException">It is damaged, or no checkpoint of this trainer.</exception>
    public static TrainingState Restore(string path, TrainingState expected, FlatParameters flat, AdamW optimizer, Tensor? average)
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
            throw new TrainingException($"The checkpoint {path} was made with another {differs}: it cannot be resumed with these options. Repeat the options "
                + "of the first run, or choose another --out.");
        }

        using IDisposable noGradient = no_grad();
        void Set(Tensor target, string name)
        {
            using Tensor value = (tensors.TryGetValue(name, out WeightTensor? source) ? source
                : throw new WeightsFileException($"The checkpoint {path} lacks {name}.")).ToTensor();
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

    /// <summary>The state as metadata of a safetensors file.</summary>
    public static Dictionary<string, string> MetadataOf(TrainingState state) => new() { ["state"] = JsonSerializer.Serialize(state, TrainingJson.Options) };
}
