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
/// By options also:
/// <list type="bullet">
/// <item><c>features</c> [n, F]: each member's features before its last layer, averaged over the views, of length 1 / sqrt(members), one member after
/// the other. The product of two images' features is the mean cosine similarity of the members.</item>
/// <item><c>stage_statistics</c> [n, S]: the mean of each channel after stride 8, averaged over the views, one member after the other. A member whose maps
/// are all of one resolution has none; an ensemble of only such members lacks the output.</item>
/// <item><c>suitability</c> [n]: see <see cref="OnnxSuitability"/>.</item>
/// <item><c>heatmaps</c> [n, members, h, w], for the input <c>explain</c> int64 [1], which may be left out: -1 (the default): none, the output is empty (n = 0);
/// -2: each image's own most probable class; otherwise the class. A map is relu(sum_k a_k A_k) of Grad-CAM (arXiv:1610.02391) for the member's logit, not normalized,
/// at its last stage of at least 8 x 8, for the view that is not flipped; for a class that does not exist it is 0.</item>
/// </list>
/// </summary>
public static class OnnxEnsemble
{
    internal const string MemberLogits = "member_logits", Logits = "logits", Probabilities = "probabilities", Features = "features", StageStatistics = "stage_statistics", Suitability = "suitability";

    private const string Image = "image";

    /// <summary>The place of the stage of stride 8 among a network's stages.</summary>
    private const int SecondStage = 1;

    // Under the root of the sum of squares, for features that are all 0.
    private const double LeastSquare = 1e-12;

    /// <summary>Writes the graph; the file is there only when it is whole.</summary>
    /// <exception cref="OnnxExportException">A member cannot be exported, or the file cannot be written; the message says which and why.</exception>
    public static void Export(IReadOnlyList<OnnxEnsembleMember> members, string path, OnnxEnsembleOptions options)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(options);
        using (NewDisposeScope())
        {
            OnnxFile.Write(Build(members, options).ToModel(options.Opset, options.DocString, options.Metadata), path);
        }

        GC.KeepAlive(members);
        GC.KeepAlive(options);
    }

    /// <summary>Runs the file in ONNX Runtime and the networks in TorchSharp on the same images, and compares every output.</summary>
    /// <param name="members">The networks that were exported.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">The options that it was exported with.</param>
    /// <param name="images">uint8 [n, s, s, 3].</param>
    /// <returns>The largest differences.</returns>
    /// <exception cref="OnnxExportException">They differ by more than 1e-4 + 1e-4 |torch|, suitability by more than <see cref="OnnxSuitability.Tolerance"/>; the message names the first module that does. Int8 is measured and not refused.</exception>
    public static OnnxVerification Verify(IReadOnlyList<OnnxEnsembleMember> members, string path, OnnxEnsembleOptions options, Tensor images)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(images);
        CheckImages(images, options, nameof(images));
        using DisposeScope scope = NewDisposeScope();
        OnnxVerification verification = OnnxVerification.Run(
            Build(members, options), path, options.Precision, images, Views(options.Flips).Count, () => Run(members, options, images));
        GC.KeepAlive(members);
        GC.KeepAlive(options);
        GC.KeepAlive(images);
        return verification;
    }

    private static OnnxGraph Build(IReadOnlyList<OnnxEnsembleMember> members, OnnxEnsembleOptions options)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(options);
        Check(members, options);
        OnnxGraphBuilder graph = new(options.Opset, options.Converters);
        OnnxValue image = graph.Input(Image, OnnxElementType.UInt8, [-1, options.InputSize, options.InputSize, 3]);
        OnnxValue channelsFirst = graph.Permute(image, 0, 3, 1, 2);
        int views = Views(options.Flips).Count;
        OnnxValue flipped = views == 1 ? channelsFirst : graph.Concat([.. Views(options.Flips).Select(dims => dims.Aggregate(channelsFirst, (x, dim) => graph.Flip(x, dim)))], 0);
        OnnxValue pixels = graph.Node("Cast", [flipped], ("to", (long)OnnxElementType.Float32));
        Dictionary<string, OnnxValue> normalized = [];
        List<OnnxValue> logits = [];
        List<OnnxStages> stages = [];
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
            OnnxValue output;
            if (options.Features || options.Explanation)
            {
                stages.Add(graph.CallStages(member.Module, input));
                output = stages[^1].Logits;
            }
            else
            {
                output = graph.Call(member.Module, input);
            }

            if (!output.Shape.SequenceEqual([-views, options.Classes]))
            {
                throw new OnnxExportException($"The member '{member.Name}' gives {OnnxShape.Text(output.Shape)}, not [n, {options.Classes}] logits.");
            }

            logits.Add(OverViews(output));
        }

        OnnxValue all = graph.Concat([.. logits.Select(l => graph.Unsqueeze(l, 1))], 1);
        double total = members.Sum(m => m.Weight);
        OnnxValue weighted = graph.Multiply(all, graph.Constant(members.Select(m => (float)(m.Weight / total)).ToArray(), 1, members.Count, 1));
        OnnxValue mean = graph.Node("ReduceSum", [weighted, graph.Constant([1L], 1)], ("keepdims", 0L));
        if (options.Features)
        {
            OnnxValue features = graph.Concat([.. stages.Select(s => Unit(OverViews(s.Pooled)))], 1);
            graph.Output(Features, features);
            OnnxValue[] statistics = [.. stages.Where(s => s.Maps.Count > SecondStage).Select(s => OverViews(graph.Mean(s.Maps[SecondStage], [2, 3])))];
            if (statistics.Length > 0)
            {
                graph.Output(StageStatistics, graph.Concat(statistics, 1));
            }

            if (options.Suitability is { } suitability)
            {
                graph.Output(Suitability, Suitable(suitability, [features, .. statistics]));
            }
        }

        graph.Output(MemberLogits, all);
        graph.Output(Logits, mean);
        graph.Output(Probabilities, graph.Softmax(graph.Multiply(mean, graph.Constant(1 / options.Temperature)), 1));
        graph.Graph.Finish(options, options.CalibrationImages, nameof(OnnxEnsembleOptions.CalibrationImages));
        if (options.Explanation)
        {
            OnnxExplanation.Add(graph.Graph, options.Opset, [.. stages.Select(s => new OnnxExplanation.Member(s.Maps, s.Logits.Name))], Logits, options.Classes, views);
        }

        return graph.Graph;

        OnnxValue OverViews(OnnxValue value) => views == 1 ? value : graph.Mean(graph.Reshape(value, views, -1, value.Shape[1]), [0]);

        OnnxValue Unit(OnnxValue value)
        {
            OnnxValue squares = graph.Node("ReduceSum", [graph.Multiply(value, value), graph.Constant([1L], 1)], ("keepdims", 1L));
            OnnxValue length = graph.Node("Sqrt", [graph.Multiply(graph.Add(squares, graph.Constant(LeastSquare)), graph.Constant(members.Count))]);
            return graph.Divide(value, length);
        }

        OnnxValue Suitable(OnnxSuitability suitability, IReadOnlyList<OnnxValue> parts)
        {
            OnnxValue plain = graph.Multiply(graph.Node("Cast", [channelsFirst], ("to", (long)OnnxElementType.Float32)), graph.Constant(1 / 255.0));
            OnnxValue means = graph.Mean(plain, [2, 3], keepDim: true), centred = graph.Subtract(plain, means);
            OnnxValue deviations = graph.Node("Sqrt", [graph.Mean(graph.Multiply(centred, centred), [2, 3])]);
            OnnxValue x = graph.Concat([.. parts, graph.Flatten(means, 1), deviations], 1);
            suitability.Check(x.Shape[1]);
            int rows = suitability.Mean.Count, columns = suitability.Projection.Count / rows;
            OnnxValue whitened = graph.MatMul(graph.Subtract(x, graph.Constant(suitability.Mean.ToArray(), 1, rows)), graph.Constant(suitability.Projection.ToArray(), rows, columns));
            OnnxValue beyond = graph.Relu(graph.Subtract(graph.Mean(graph.Multiply(whitened, whitened), [1]), graph.Constant(suitability.Offset)));
            return graph.Node("Exp", [graph.Multiply(beyond, graph.Constant(-1 / suitability.Scale))]);
        }
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

            if ((options.Features || options.Explanation) && member.Module is not IOnnxStagedNetwork)
            {
                throw new OnnxExportException(
                    $"The member '{member.Name}' ({member.Module.GetType().Name}) does not show its stages, which features and explanations need. Implement {nameof(IOnnxStagedNetwork)} on it, or set Features and Explanation to false.");
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
        // Numbers as tensors, which the scope holds: a Scalar may be freed during the call that takes it.
        // Contiguous: on some CPUs LibTorch 2.10 computes convolutions of 1 x 1 over tensors with channels last wrongly.
        Tensor scaled = images.permute(0, 3, 1, 2).contiguous().to_type(ScalarType.Float32) / tensor(255f);
        List<Tensor> logits = [], features = [], statistics = [];
        foreach (OnnxEnsembleMember member in members)
        {
            Tensor normalized = (scaled - tensor(member.Mean.ToArray()).view(1, 3, 1, 1)) / tensor(member.Std.ToArray()).view(1, 3, 1, 1);
            Tensor[] seen = [.. Views(options.Flips).Select(dims => dims.Length == 0 ? normalized : normalized.flip(dims))];
            if (!options.Features)
            {
                logits.Add(stack(seen.Select(member.Module.call)).mean([0]));
                continue;
            }

            TorchStages[] stages = [.. seen.Select(((IOnnxStagedNetwork)member.Module).ForwardStages)];
            logits.Add(stack(stages.Select(s => s.Logits)).mean([0]));
            Tensor pooled = stack(stages.Select(s => s.Pooled)).mean([0]);
            features.Add(pooled / ((pooled.square().sum(1, keepdim: true) + tensor((float)LeastSquare)) * tensor((float)members.Count)).sqrt());
            if (stages[0].Maps.Count > SecondStage)
            {
                statistics.Add(stack(stages.Select(s => s.Maps[SecondStage].mean([2, 3]))).mean([0]));
            }
        }

        Tensor all = stack(logits, 1);
        Tensor weights = tensor(members.Select(m => m.Weight).ToArray()).to_type(ScalarType.Float32);
        Tensor mean = (all * (weights / weights.sum()).view(1, -1, 1)).sum(1);
        Dictionary<string, Tensor> outputs = [];
        if (options.Features)
        {
            outputs[Features] = cat(features, 1);
            if (statistics.Count > 0)
            {
                outputs[StageStatistics] = cat(statistics, 1);
            }

            if (options.Suitability is { } suitability)
            {
                Tensor x = cat([outputs[Features], .. statistics, scaled.mean([2, 3]), scaled.std([2, 3], unbiased: false)], 1);
                Tensor projection = tensor(suitability.Projection.ToArray()).view(suitability.Mean.Count, -1);
                Tensor distance = (x - tensor(suitability.Mean.ToArray())).matmul(projection).square().mean([1]);
                outputs[Suitability] = (-(distance - tensor((float)suitability.Offset)).relu() / tensor((float)suitability.Scale)).exp();
            }
        }

        outputs[MemberLogits] = all;
        outputs[Logits] = mean;
        outputs[Probabilities] = nn.functional.softmax(mean / tensor((float)options.Temperature), 1); // last: its largest number is the answer
        return outputs;
    }
}
