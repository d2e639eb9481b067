using Lentigo.OnnxExport;
using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// Drops a residual branch for whole images while training, with the given probability, and scales the branches that stay so that the mean is
/// kept (Huang et al. 2016, arXiv:1603.09382; torchvision's mode <c>row</c>). Does nothing in evaluation.
/// </summary>
internal sealed class StochasticDepth : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly double _survival;

    /// <summary>A branch that is dropped with this probability, 0 to below 1.</summary>
    public StochasticDepth(double probability)
        : base(nameof(StochasticDepth))
    {
        ArgumentOutOfRangeException.ThrowIfNegative(probability);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(probability, 1);
        _survival = 1 - probability;
    }

    /// <summary>The branch's output [n, ...], with the rows of dropped images zero.</summary>
    public override Tensor forward(Tensor input)
    {
        if (!training || _survival == 1)
        {
            return input.alias();
        }

        long[] shape = new long[input.dim()];
        Array.Fill(shape, 1);
        shape[0] = input.shape[0];
        using Tensor keep = empty(shape, dtype: input.dtype, device: input.device).bernoulli_(_survival).div_(_survival);
        return input * keep;
    }

    /// <summary>Evaluation: the branch as it is.</summary>
    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) => input;
}
