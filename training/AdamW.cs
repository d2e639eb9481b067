using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training;

/// <summary>
/// Adam (Kingma and Ba 2015, arXiv:1412.6980) with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), over flat parameters.
/// Without decay it is Adam.
/// </summary>
public sealed class AdamW : IDisposable
{
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    private readonly FlatParameters _flat;
    private readonly Tensor _denominator;

    /// <summary>An optimizer that has made no step.</summary>
    public AdamW(FlatParameters flat)
    {
        ArgumentNullException.ThrowIfNull(flat);
        _flat = flat;
        Mean = zeros_like(flat.Gradients);
        Square = zeros_like(flat.Gradients);
        _denominator = empty_like(flat.Gradients);
    }

    /// <summary>The steps made.</summary>
    public long Steps { get; set; }

    /// <summary>The moving average of the gradients [p].</summary>
    public Tensor Mean { get; }

    /// <summary>The moving average of their squares [p].</summary>
    public Tensor Square { get; }

    /// <summary>One step along the gradients, which are set to zero afterwards.</summary>
    public void Step(double learningRate, double weightDecay, double beta1, double clipNorm)
    {
        using IDisposable noGradient = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor gradients = _flat.Gradients;
        if (clipNorm > 0)
        {
            double norm = gradients.norm().item<float>();
            if (norm > clipNorm)
            {
                gradients.mul_(clipNorm / norm);
            }
        }

        Steps++;
        if (weightDecay > 0)
        {
            _flat.Parameters.narrow(0, 0, _flat.DecayedCount).mul_(1 - (learningRate * weightDecay));
        }

        Mean.mul_(beta1).add_(gradients, 1 - beta1);
        Square.mul_(Beta2).addcmul_(gradients, gradients, 1 - Beta2);
        double bias1 = 1 - Math.Pow(beta1, Steps), bias2 = 1 - Math.Pow(Beta2, Steps);
        _denominator.copy_(Square).sqrt_().div_(Math.Sqrt(bias2)).add_(Epsilon);
        _flat.Parameters.addcdiv_(Mean, _denominator, -learningRate / bias1);
        gradients.zero_();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Mean.Dispose();
        Square.Dispose();
        _denominator.Dispose();
    }
}
