using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>A network of an ensemble.</summary>
/// <param name="Name">Its name; nodes and weights are named after it.</param>
/// <param name="Module">The network in evaluation, on the CPU: images [n, 3, s, s] to logits [n, classes].</param>
/// <param name="Mean">The mean of each channel that it expects taken off pixels in 0 to 1.</param>
/// <param name="Std">The standard deviation of each channel that it expects pixels divided by.</param>
/// <param name="Weight">Its share of the averaged logits, relative to the other members'.</param>
public sealed record OnnxEnsembleMember(string Name, nn.Module<Tensor, Tensor> Module, IReadOnlyList<float> Mean, IReadOnlyList<float> Std, double Weight);

/// <summary>
/// Several networks as one graph that takes pixels and gives probabilities. Input <c>image</c> uint8 [n, s, s, 3]; outputs <c>member_logits</c>
/// [n, members, classes], <c>logits</c> [n, classes], their weighted mean, and <c>probabilities</c> [n, classes], softmax(logits / temperature).
/// </summary>
public static class OnnxEnsemble
{
    private const string Image = "image", MemberLogits = "member_logits", Logits = "logits", Probabilities = "probabilities";

    /// <summary>Writes the graph; the file is there only when it is whole.</summary>
    /// <exception cref="OnnxExportException">A member cannot be exported, or the file cannot be written; the message says which and why.</exception>
    public static void Export(IReadOnlyList<OnnxEnsembleMember> members, string path, OnnxEnsembleOptions options)
    {
        ArgumentNullException.ThrowIfNull(path);
        OnnxFile.Write(Build(members, options).ToModel(options.Opset, options.DocString, options.Metadata), path);
    }

    /// <summary>Runs the file in ONNX Runtime and the networks in TorchSharp on the same images, and compares every output.</summary>
    /// <param name="members">The networks that were exported.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">The options that it was exported with.</param>
    /// <param name="images">uint8 [n, s, s, 3].</param>
    /// <returns>The largest differences.</returns>
    /// <exception cref="OnnxExportException">They differ by more than 1e-4 + 1e-4 |torch|; the message names the first module that does. Int8 is measured and not refused.</exception>
    public static OnnxVerification Verify(IReadOnlyList<OnnxEnsembleMember> members, string path, OnnxEnsembleOptions options, Tensor images)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(images);
        CheckImages(images, options, nameof(images));
        return OnnxVerification.Run(Build(members, options), path, options.Precision, images, Views(options.Flips).Count, () => Run(members, options, images));
    }

    private static OnnxGraph Build(IReadOnlyList<OnnxEnsembleMember> members, OnnxEnsembleOptions options)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(options);
        Check(members, options);
        using DisposeScope scope = NewDisposeScope();
        OnnxGraphBuilder graph = new(options.Opset, options.Converters);
        OnnxValue image = graph.Input(Image, OnnxElementType.UInt8, [-1, options.InputSize, options.InputSize, 3]);
        OnnxValue channelsFirst = graph.Permute(image, 0, 3, 1, 2);
        int views = Views(options.Flips).Count;
        OnnxValue flipped = views == 1 ? channelsFirst : graph.Concat([.. Views(options.Flips).Select(dims => dims.Aggregate(channelsFirst, (x, dim) => graph.Flip(x, dim)))], 0);
        OnnxValue pixels = graph.Node("Cast", [flipped], ("to", (long)OnnxElementType.Float32));
        Dictionary<string, OnnxValue> normalized = [];
        List<OnnxValue> logits = [];
        foreach (OnnxEnsembleMember member in members)
        {
            // (x / 255 - mean) / std as one product and one sum, shared by the members that have the same.
            string key = string.Join(' ', member.Mean.Concat(member.Std));
            if (!normalized.TryGetValue(key, out OnnxValue? input))
            {
                input = normalized[key] = graph.Add(
                    graph.Multiply(pixels, graph.Constant(member.Std.Select(s => (float)(1 / (255.0 * s))).ToArray(), 1, 3, 1, 1)),
                    graph.Constant(member.Mean.Zip(member.Std, (m, s) => (float)(-(double)m / s)).ToArray(), 1, 3, 1, 1));
            }

            graph.Root(member.Module, member.Name);
            OnnxValue output = graph.Call(member.Module, input);
            if (!output.Shape.SequenceEqual([-views, options.Classes]))
            {
                throw new OnnxExportException($"The member '{member.Name}' gives {OnnxShape.Text(output.Shape)}, not [n, {options.Classes}] logits.");
            }

            logits.Add(views == 1 ? output : graph.Mean(graph.Reshape(output, views, -1, options.Classes), [0]));
        }

        OnnxValue all = graph.Concat([.. logits.Select(l => graph.Unsqueeze(l, 1))], 1);
        double total = members.Sum(m => m.Weight);
        OnnxValue weighted = graph.Multiply(all, graph.Constant(members.Select(m => (float)(m.Weight / total)).ToArray(), 1, members.Count, 1));
        OnnxValue mean = graph.Node("ReduceSum", [weighted, graph.Constant([1L], 1)], ("keepdims", 0L));
        graph.Output(MemberLogits, all);
        graph.Output(Logits, mean);
        graph.Output(Probabilities, graph.Softmax(graph.Multiply(mean, graph.Constant(1 / options.Temperature)), 1));
        graph.Graph.Finish(options, options.CalibrationImages, nameof(OnnxEnsembleOptions.CalibrationImages));
        return graph.Graph;
    }

    private static void Check(IReadOnlyList<OnnxEnsembleMember> members, OnnxEnsembleOptions options)
    {
        options.Check();
        if (members.Count == 0)
        {
            throw new OnnxExportException("An ensemble needs at least one member.");
        }

        if (members.Select(m => m.Name).Distinct().Count() != members.Count)
        {
            throw new OnnxExportException($"Two members have the same name: {string.Join(", ", members.Select(m => m.Name))}. Give each its own.");
        }

        foreach (OnnxEnsembleMember member in members)
        {
            if (member.Mean.Count != 3 || member.Std.Count != 3 || !member.Mean.All(float.IsFinite) || !member.Std.All(s => s > 0 && float.IsFinite(s)))
            {
                throw new OnnxExportException($"The member '{member.Name}' needs a mean and a positive standard deviation for each of the three channels.");
            }

            if (!(member.Weight >= 0) || !double.IsFinite(member.Weight) || members.Sum(m => m.Weight) <= 0)
            {
                throw new OnnxExportException($"The member '{member.Name}' has the weight {member.Weight}; weights are 0 or more, and one at least is more.");
            }

            ModuleCheck.Check(member.Module, member.Name, options.AllowTiedWeights);
        }
    }

    private static void CheckImages(Tensor images, OnnxEnsembleOptions options, string name)
    {
        if (images.dtype != ScalarType.Byte || images.dim() != 4 || images.shape[0] < 1 || !images.shape.AsSpan(1).SequenceEqual([options.InputSize, options.InputSize, 3]))
        {
            throw new ArgumentException($"Images are uint8 [n, {options.InputSize}, {options.InputSize}, 3], not {images.dtype} [{string.Join(", ", images.shape)}].", name);
        }
    }

    /// <summary>The dimensions of [n, 3, s, s] that each view reverses.</summary>
    private static IReadOnlyList<long[]> Views(string flips) => flips switch
    {
        "none" => [[]],
        "horizontal" => [[], [3]],
        "all" => [[], [3], [2], [3, 2]],
        _ => throw new OnnxExportException($"Flips can be none, horizontal or all, not '{flips}'."),
    };

    /// <summary>What the graph computes, by TorchSharp.</summary>
    private static Dictionary<string, Tensor> Run(IReadOnlyList<OnnxEnsembleMember> members, OnnxEnsembleOptions options, Tensor images)
    {
        // Contiguous: on some CPUs LibTorch 2.10 computes convolutions of 1 x 1 over tensors with channels last wrongly.
        Tensor scaled = images.permute(0, 3, 1, 2).contiguous().to_type(ScalarType.Float32) / 255;
        List<Tensor> logits = [];
        foreach (OnnxEnsembleMember member in members)
        {
            Tensor normalized = (scaled - tensor(member.Mean.ToArray()).view(1, 3, 1, 1)) / tensor(member.Std.ToArray()).view(1, 3, 1, 1);
            logits.Add(stack(Views(options.Flips).Select(dims => member.Module.call(dims.Length == 0 ? normalized : normalized.flip(dims)))).mean([0]));
        }

        Tensor all = stack(logits, 1);
        Tensor weights = tensor(members.Select(m => m.Weight).ToArray()).to_type(ScalarType.Float32);
        Tensor mean = (all * (weights / weights.sum()).view(1, -1, 1)).sum(1);
        return new()
        {
            [MemberLogits] = all,
            [Logits] = mean,
            [Probabilities] = nn.functional.softmax(mean / options.Temperature, 1),
        };
    }
}
