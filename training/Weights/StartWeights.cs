using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Weights;

/// <summary>What became of a weights file's tensors.</summary>
/// <param name="File">The file.</param>
/// <param name="Loaded">The network's tensors that were set.</param>
/// <param name="Missing">The network's parameters that the file has not, or of another shape; they keep their random start.</param>
/// <param name="Unused">The file's tensors that found no place.</param>
/// <param name="Normalisations">How many batch normalisations were set from activations, because the file's were folded into the convolutions.</param>
public sealed record StartWeightsReport(
    string File, IReadOnlyList<string> Loaded, IReadOnlyList<string> Missing, IReadOnlyList<string> Unused, int Normalisations);

/// <summary>Gives a network the weights of a file to start from.</summary>
public static class StartWeights
{
    /// <summary>Finds the file for a network: the file itself, or the one in the folder whose name starts with the network's.</summary>
    /// <returns>The file, or null where the folder has none for this network.</returns>
    /// <exception cref="WeightsFileException">There is no such file or folder, or the folder has several for this network.</exception>
    public static string? Find(string path, string network)
    {
        if (File.Exists(path))
        {
            return path;
        }

        if (!Directory.Exists(path))
        {
            throw new WeightsFileException($"There are no weights at {path}: neither a file nor a folder. Check --weights.");
        }

        string[] files = [.. Directory.EnumerateFiles(path)
            .Where(f => Path.GetFileName(f).StartsWith(network, StringComparison.OrdinalIgnoreCase) && Path.GetExtension(f) is ".safetensors" or ".pth" or ".pt")
            .Where(f => Path.GetFileName(f).StartsWith(network, StringComparison.OrdinalIgnoreCase))];
        return files.Length > 1
            ? throw new WeightsFileException($"The folder {path} holds several weights for {network}: {string.Join(", ", files.Select(Path.GetFileName))}. Name one with --weights.")
            : files.FirstOrDefault();
    }

    /// <summary>
    /// Loads what fits. Where a file's batch normalisation was folded into its convolution (the convolution has a bias, ours has none), the
    /// network is made to compute the same: with m and v the mean and variance of the convolution's output over <paramref name="images"/>,
    /// running mean = m, running variance = v, scale = sqrt(v + eps) and shift = m + bias. So the first batches are normalised
    /// to about what they were, in training too.
    /// </summary>
    /// <param name="network">The network, on the CPU or a GPU.</param>
    /// <param name="path">A <c>.safetensors</c> or <c>.pth</c> file with torchvision's names.</param>
    /// <param name="images">Normalised images [n, 3, s, s] to measure activations with; disposed by the caller.</param>
    /// <exception cref="WeightsFileException">The file cannot be read, or nothing in it fits.</exception>
    public static StartWeightsReport Load(nn.Module<Tensor, Tensor> network, string path, IReadOnlyList<Tensor> images)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(images);
        IReadOnlyDictionary<string, WeightTensor> file = Path.GetExtension(path) is ".pth" or ".pt" ? PthFile.Read(path) : SafetensorsFile.Read(path).Tensors;
        using IDisposable noGradient = no_grad();
        HashSet<string> used = [];
        List<string> loaded = [], missing = [];
        foreach ((string name, Tensor target) in network.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).Concat(network.named_buffers().Select(b => (b.name, b.buffer))))
        {
            if (file.TryGetValue(name, out WeightTensor? source) && source.Shape.SequenceEqual(target.shape))
            {
                using Tensor value = source.ToTensor();
                target.copy_(value);
                used.Add(name);
                loaded.Add(name);
            }
        }

        List<(BatchNorm2d Norm, Tensor Bias)> folded = [];
        foreach ((string convName, Conv2d conv, string normName, BatchNorm2d norm) in NormalisedConvolutions(network))
        {
            string bias = convName + ".bias";
            if (used.Contains(convName + ".weight") && !used.Contains(normName + ".weight") && file.TryGetValue(bias, out WeightTensor? source)
                && source.Shape.SequenceEqual([conv.weight.shape[0]]))
            {
                using Tensor value = source.ToTensor();
                folded.Add((norm, value.to(conv.weight.device).to(ScalarType.Float32)));
                used.Add(bias);
                loaded.AddRange([normName + ".weight", normName + ".bias", normName + ".running_mean", normName + ".running_var"]);
            }
        }

        Unfold(network, folded, images);
        folded.ForEach(f => f.Bias.Dispose());
        if (loaded.Count == 0)
        {
            throw new WeightsFileException($"Nothing in the weights file {path} fits the network. Its names: {string.Join(", ", file.Keys.Take(5))}, ... Is it another network's?");
        }

        HashSet<string> set = [.. loaded];
        missing.AddRange(network.named_parameters().Select(p => p.name).Where(n => !set.Contains(n)));
        return new(path, loaded, missing, [.. file.Keys.Where(k => !used.Contains(k))], folded.Count);
    }

    /// <summary>Convolutions without a bias, each with the batch normalisation that follows it.</summary>
    private static IEnumerable<(string ConvName, Conv2d Conv, string NormName, BatchNorm2d Norm)> NormalisedConvolutions(nn.Module network)
    {
        (string Name, Conv2d Conv)? last = null;
        foreach ((string name, nn.Module module) in network.named_modules())
        {
            switch (module)
            {
                case Conv2d conv:
                    last = conv.bias is null ? (name, conv) : null;
                    break;
                case BatchNorm2d norm when last is { } pair:
                    yield return (pair.Name, pair.Conv, name, norm);
                    last = null;
                    break;
            }
        }
    }

    private static void Unfold(nn.Module<Tensor, Tensor> network, List<(BatchNorm2d Norm, Tensor Bias)> folded, IReadOnlyList<Tensor> images)
    {
        // First each normalisation only adds the bias: the network computes what the folded one did.
        foreach ((BatchNorm2d norm, Tensor bias) in folded)
        {
            norm.running_mean!.zero_();
            norm.running_var!.fill_(1);
            norm.weight!.fill_(Math.Sqrt(1 + norm.eps));
            norm.bias!.copy_(bias);
        }

        if (folded.Count == 0 || images.Count == 0)
        {
            return;
        }

        // Then the inputs of all of them are measured in one pass.
        Dictionary<BatchNorm2d, (Tensor Sum, Tensor Squares, long Count)> measured = [];
        List<IDisposable> disposables = [];
        List<Action> removals = [];
        foreach ((BatchNorm2d norm, _) in folded)
        {
            Tensor sum = zeros_like(norm.running_mean!).to(ScalarType.Float64), squares = zeros_like(sum);
            disposables.AddRange([sum, squares]);
            measured[norm] = (sum, squares, 0);
            var hook = norm.register_forward_pre_hook((_, input) =>
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor exact = input.to(ScalarType.Float64);
                sum.add_(exact.sum([0, 2, 3]));
                squares.add_(exact.square().sum([0, 2, 3]));
                measured[norm] = measured[norm] with { Count = measured[norm].Count + (input.numel() / input.shape[1]) };
                return input;
            });
            removals.Add(hook.remove);
        }

        bool training = network.training;
        network.eval();
        foreach (Tensor batch in images)
        {
            using Tensor logits = network.call(batch);
        }

        network.train(training);
        removals.ForEach(remove => remove());
        foreach ((BatchNorm2d norm, Tensor bias) in folded)
        {
            using DisposeScope scope = NewDisposeScope();
            (Tensor sum, Tensor squares, long count) = measured[norm];
            Tensor mean = sum / count, variance = ((squares / count) - mean.square()).clamp_min(0);
            norm.running_mean!.copy_(mean);
            norm.running_var!.copy_(variance);
            norm.weight!.copy_((variance + norm.eps).sqrt());
            norm.bias!.copy_(mean + bias);
        }

        disposables.ForEach(d => d.Dispose());
    }
}
