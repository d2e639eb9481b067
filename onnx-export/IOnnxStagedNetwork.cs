using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>
/// A classifier that shows what it computes on the way to its logits. <see cref="OnnxEnsemble"/> needs it for features, for statistics of stages and for
/// explanations. The first two methods do the same, in a graph and in TorchSharp.
/// </summary>
public interface IOnnxStagedNetwork : IOnnxExportable
{
    /// <summary>Writes the network to a graph.</summary>
    /// <param name="graph">Where the nodes go.</param>
    /// <param name="input">Normalized images [n, 3, s, s].</param>
    public OnnxStages ExportStages(OnnxGraphBuilder graph, OnnxValue input);

    /// <summary>Runs the network, in the caller's <c>DisposeScope</c>. The logits depend on every stage, so that <c>autograd.grad</c> finds the way.</summary>
    /// <param name="input">Normalized images [n, 3, s, s].</param>
    public TorchStages ForwardStages(Tensor input);
}

/// <summary>What a network computes, as values of a graph.</summary>
/// <param name="Maps">
/// The output of each stage [n, c, h, w], from fine to coarse. The logits are computed from every one of them, so that their gradient exists. The first is that of stride 4
/// and the second of stride 8; a network whose maps are all of one resolution has only one.
/// </param>
/// <param name="Pooled">The features before the last linear layer [n, d].</param>
/// <param name="Logits">[n, classes].</param>
public sealed record OnnxStages(IReadOnlyList<OnnxValue> Maps, OnnxValue Pooled, OnnxValue Logits);

/// <summary>What a network computes, as tensors: <see cref="OnnxStages"/> in TorchSharp.</summary>
/// <param name="Maps">The output of each stage [n, c, h, w], from fine to coarse.</param>
/// <param name="Pooled">The features before the last linear layer [n, d].</param>
/// <param name="Logits">[n, classes].</param>
public sealed record TorchStages(IReadOnlyList<Tensor> Maps, Tensor Pooled, Tensor Logits);
