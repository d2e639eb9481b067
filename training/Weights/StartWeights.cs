using Lentigo.Training.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Weights;

/// <summary>Reports how a weights file was applied to a network.</summary>
/// <param name="File">The file.</param>
/// <param name="Loaded">The tensors of the network that were loaded.</param>
/// <param name="Missing">Parameters of the network that the file lacks or has in another shape; they stay randomly initialized.</param>
/// <param name="Unused">Tensors of the file that were not used.</param>
/// <param name="Normalizations">
/// The number of batch normalizations that were estimated from activations, because those of the file were folded into the convolutions.
/// </param>
/// <param name="Map">The origin of each tensor of the network, in the order of the network.</param>
internal sealed record StartWeightsReport(
    string File, IReadOnlyList<string> Loaded, IReadOnlyList<string> Missing, IReadOnlyList<string> Unused, int Normalizations, IReadOnlyList<WeightOrigin> Map)
{
    /// <summary>The map as text, one line per tensor: <c>fc.weight [7, 512]  stays as it was: fc.weight of the file is [1000, 512]</c>.</summary>
    public IEnumerable<string> Lines() => Map.Select(m => $"{m.Name} [{string.Join(", ", m.Shape)}]  {m.Origin}");
}

/// <summary>The origin of a tensor.</summary>
/// <param name="Name">Its name in the network.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Origin">The tensor of the file, or the reason why there is none.</param>
internal sealed record WeightOrigin(string Name, IReadOnlyList<long> Shape, string Origin);

/// <summary>Initializes networks from weights files.</summary>
internal static class StartWeights
{
    private static readonly string[] Extensions = [".safetensors", ".pth", ".pt", ".pth.tar", ".ckpt", ".bin"];

    // Tensors of checkpoints that do not belong to the network.
    private static readonly string[] OfTheOptimizer = ["optimizer.mean", "optimizer.square", "average"];

    /// <summary>
    /// Finds the file for a member: the path itself if it is a file; in the output folder of a training the best checkpoint of the member, or of its network;
    /// in any
    /// other folder the file whose name starts with that of the network.
    /// </summary>
    /// <returns>The file, or null where the folder has none for this member.</returns>
    /// <exception cref="WeightsFileException">There is no such file or folder, or the folder has several for this network.</exception>
    public static string? Find(string path, MemberSpec member)
    {
        if (File.Exists(path))
        {
            return path;
        }

        if (!Directory.Exists(path))
        {
            throw new WeightsFileException($"There are no weights at {path}: neither a file nor a folder. Check --weights.");
        }

        string network = member.Architecture.Name;
        string? best = new[] { path, Path.Combine(path, RunFiles.CheckpointFolder) }
            .SelectMany(folder => new[] { member.Name, network }.Select(name => RunFiles.BestPath(folder, name)))
            .FirstOrDefault(File.Exists);
        if (best is not null)
        {
            return best;
        }

        string[] files = [.. Directory.EnumerateFiles(path)
            .Where(f => Path.GetFileName(f).StartsWith(network, StringComparison.OrdinalIgnoreCase)
                && Extensions.Any(e => f.EndsWith(e, StringComparison.OrdinalIgnoreCase)))];
        return files.Length > 1
            ? throw new WeightsFileException($"The folder {path} holds several weights for {network}: {string.Join(", ", files.Select(Path.GetFileName))}. "
                + "Name one with --weights.")
            : files.FirstOrDefault();
    }

    /// <summary>
    /// Loads what fits. Where a file's batch normalization was folded into its convolution (the convolution has a bias, ours has none), the
    /// network is made to compute the same: with m and v the mean and variance of the convolution's output over <paramref name="images"/>,
    /// running mean = m, running variance = v, scale = sqrt(v + eps) and shift = m + bias. So the first batches are normalized
    /// to about what they were, in training too.
    /// </summary>
    /// <param name="network">The network, on the CPU or a GPU.</param>
    /// <param name="path">A <c>.safetensors</c> or <c>.pth</c> file, or a checkpoint of this trainer.</param>
    /// <param name="images">Normalized images [n, 3, s, s] to measure activations with; disposed by the caller.</param>
    /// <param name="publicNames">How names in files of public weights become the network's, where they differ.</param>
    /// <exception cref="WeightsFileException">The file cannot be read, or nothing in it fits.</exception>
    public static StartWeightsReport Load(nn.Module<Tensor, Tensor> network, string path, IReadOnlyList<Tensor> images,
        IReadOnlyList<PublicName>? publicNames = null)
    {
        (string Name, Tensor Target)[] targets = [.. network.named_parameters().Select(p => (p.name, (Tensor)p.parameter))
            .Concat(network.named_buffers().Select(b => (b.name, b.buffer)))
            .Where(t => !t.name.EndsWith(".num_batches_tracked", StringComparison.Ordinal))];
        // Torch's batch counters have no effect.
        KeyValuePair<string, WeightTensor>[] tensors =
            [.. Read(path).Where(t => !OfTheOptimizer.Contains(t.Key) && !t.Key.EndsWith(".num_batches_tracked", StringComparison.Ordinal))];
        string prefix = PrefixOf(tensors.Select(t => t.Key), [.. targets.Select(t => t.Name)], publicNames ?? []);
        Dictionary<string, (string Name, WeightTensor Tensor)> file = tensors
            .GroupBy(t => t.Key.StartsWith(prefix, StringComparison.Ordinal) ? PublicName.Translate(t.Key[prefix.Length..], publicNames ?? []) : t.Key)
            .ToDictionary(g => g.Key, g => (g.First().Key, g.First().Value));
        using IDisposable noGradient = no_grad();
        HashSet<string> used = [];
        Dictionary<string, string> origins = [];
        foreach ((string name, Tensor target) in targets)
        {
            if (file.TryGetValue(name, out var source) && source.Tensor.Shape.SequenceEqual(target.shape))
            {
                using Tensor value = source.Tensor.ToTensor();
                target.copy_(value);
                used.Add(name);
                origins[name] = $"<- {source.Name}";
            }
        }

        List<(BatchNorm2d Norm, Tensor Bias)> folded = [];
        foreach ((string convName, Conv2d conv, string normName, BatchNorm2d norm) in NormalizedConvolutions(network))
        {
            string bias = convName + ".bias";
            if (used.Contains(convName + ".weight") && !used.Contains(normName + ".weight") && file.TryGetValue(bias, out var source)
                && source.Tensor.Shape.SequenceEqual([conv.weight.shape[0]]))
            {
                using Tensor value = source.Tensor.ToTensor();
                folded.Add((norm, value.to(conv.weight.device).to(ScalarType.Float32)));
                used.Add(bias);
                foreach (string part in new[] { "weight", "bias", "running_mean", "running_var" })
                {
                    origins[$"{normName}.{part}"] = $"<- {source.Name} and activations";
                }
            }
        }

        Unfold(network, folded, images);
        folded.ForEach(f => f.Bias.Dispose());
        if (origins.Count == 0)
        {
            throw new WeightsFileException($"Nothing in the weights file {path} fits the network. Its names: "
                + $"{string.Join(", ", file.Values.Take(5).Select(v => v.Name))}, ... Is it another network's?");
        }

        WeightOrigin[] map = [.. targets.Select(t => new WeightOrigin(t.Name, t.Target.shape, origins.GetValueOrDefault(t.Name)
            ?? (file.TryGetValue(t.Name, out var other) ? $"stays as it was: {other.Name} of the file is [{string.Join(", ", other.Tensor.Shape)}]"
                : "stays as it was: not in the file")))];
        return new(
            path, [.. targets.Select(t => t.Name).Where(origins.ContainsKey)],
                [.. network.named_parameters().Select(p => p.name).Where(n => !origins.ContainsKey(n))],
            [.. file.Where(f => !used.Contains(f.Key)).Select(f => f.Value.Name)], folded.Count, map);
    }

    /// <summary>
    /// Reads a file by its content, whatever its extension: a .safetensors file begins with the length of a JSON header, torch.save writes a zip archive or a
    /// pickle.
    /// </summary>
    private static IReadOnlyDictionary<string, WeightTensor> Read(string path)
    {
        byte[] start = new byte[9];
        using (FileStream? file = File.Exists(path) ? File.OpenRead(path) : null)
        {
            file?.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        }

        bool safetensors = start[8] == '{' || Path.GetExtension(path) == ".safetensors";
        return safetensors ? SafetensorsFile.Read(path).Tensors : PthFile.Read(path);
    }

    /// <summary>
    /// What stands before the network's names in a file: <c>module.</c> of a parallel training, <c>model.</c> or <c>backbone.</c> of a wrapper, or several of
    /// them. The beginning under
    /// which most of the file's names are the network's; empty where they are so as they stand.
    /// </summary>
    private static string PrefixOf(IEnumerable<string> names, HashSet<string> network, IReadOnlyList<PublicName> publicNames)
    {
        Dictionary<string, int> fitting = new() { [""] = 0 };
        foreach (string name in names)
        {
            for (int at = 0; at >= 0; at = name.IndexOf('.', at) is var dot && dot >= 0 ? dot + 1 : -1)
            {
                if (network.Contains(PublicName.Translate(name[at..], publicNames)))
                {
                    fitting[name[..at]] = fitting.GetValueOrDefault(name[..at]) + 1;
                }
            }
        }

        return fitting.OrderByDescending(f => f.Value).ThenBy(f => f.Key.Length).First().Key;
    }

    /// <summary>Convolutions without a bias, each with the batch normalization that follows it.</summary>
    private static IEnumerable<(string ConvName, Conv2d Conv, string NormName, BatchNorm2d Norm)> NormalizedConvolutions(nn.Module network)
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
        // First each normalization only adds the bias: the network computes what the folded one did.
        foreach ((BatchNorm2d norm, Tensor bias) in folded)
        {
            norm.running_mean!.zero_();
            using Scalar one = 1, root = Math.Sqrt(1 + norm.eps);
            norm.running_var!.fill_(one);
            norm.weight!.fill_(root);
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
            using Scalar number = count, zero = 0, epsilon = norm.eps;
            Tensor mean = sum / number, variance = ((squares / number) - mean.square()).clamp_min(zero);
            norm.running_mean!.copy_(mean);
            norm.running_var!.copy_(variance);
            norm.weight!.copy_((variance + epsilon).sqrt());
            norm.bias!.copy_(mean + bias);
        }

        disposables.ForEach(d => d.Dispose());
    }
}
