using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>
/// Makes modules hold the very weights of a graph while it is compared with them: rounded, and batch normalizations folded. Gives the modules their
/// own back when disposed.
/// </summary>
internal sealed class HeldWeights : IDisposable
{
    private readonly List<(Tensor Tensor, Tensor Own)> _owned = [];

    private HeldWeights()
    {
    }

    public static HeldWeights Of(OnnxGraph graph)
    {
        HeldWeights held = new();
        using IDisposable noGradient = no_grad();
        foreach ((string name, OnnxConstant constant) in graph.Constants)
        {
            if (constant.Parameter is not null && constant.Tensor.ElementType == OnnxElementType.Float16)
            {
                using Tensor values = tensor(constant.Tensor.ToFloat32().Floats.ToArray()).view(constant.Tensor.Shape);
                using Tensor own = constant.Transposed ? values.t() : values.alias();
                held.Set(constant.Parameter, own);
            }
        }

        foreach (FoldedNorm folded in graph.FoldedNorms)
        {
            OnnxTensor weight = graph.Weights(folded.WeightName), bias = graph.Weights(folded.BiasName);
            using Tensor weightValues = tensor(weight.Floats.ToArray()).view(weight.Shape), biasValues = tensor(bias.Floats.ToArray());
            using Tensor mean = -biasValues, zeros = zeros_like(biasValues), ones = ones_like(biasValues), epsilon = tensor((float)folded.Norm.eps), variance = ones - epsilon;
            held.Set(folded.Weight, weightValues);
            // The folded bias is the mean that the normalization takes off, and all else is 1 or 0.
            held.Set(folded.Norm.running_mean!, mean);
            held.Set(folded.Norm.running_var!, variance);
            if (folded.Bias is not null)
            {
                held.Set(folded.Bias, zeros);
            }

            if (folded.Norm.affine)
            {
                held.Set(folded.Norm.weight!, ones);
                held.Set(folded.Norm.bias!, zeros);
            }
        }

        return held;
    }

    public void Dispose()
    {
        using IDisposable noGradient = no_grad();
        foreach ((Tensor tensor, Tensor own) in _owned)
        {
            tensor.copy_(own);
            own.Dispose();
        }
    }

    private void Set(Tensor tensor, Tensor values)
    {
        // Outside any scope of the caller's, or it would be gone before it is given back.
        _owned.Add((tensor, tensor.detach().clone().DetachFromDisposeScope()));
        tensor.copy_(values);
    }
}
