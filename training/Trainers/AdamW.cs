using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>
/// Adam (Kingma and Ba 2015, arXiv:1412.6980) with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101), over flat parameters.
/// Without decay it is Adam.
/// </summary>
internal sealed class AdamW : IDisposable
{
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;

    private readonly FlatParameters _flat;
    private readonly Tensor _denominator;

    /// <summary>An optimizer before its first step.</summary>
    public AdamW(FlatParameters flat)
    {
        _flat = flat;
        Mean = zeros_like(flat.Gradients);
        Square = zeros_like(flat.Gradients);
        _denominator = empty_like(flat.Gradients);
    }

    /// <summary>The number of steps so far.</summary>
    public long Steps { get; set; }

    /// <summary>The moving average of the gradients [p].</summary>
    public Tensor Mean { get; }

    /// <summary>The moving average of their squares [p].</summary>
    public Tensor Square { get; }

    /// <summary>Makes one step and sets the gradients to zero.</summary>
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
                using Scalar clip = clipNorm / norm;
                gradients.mul_(clip);
            }
        }

        Steps++;
        if (weightDecay > 0)
        {
            using Scalar decay = 1 - (learningRate * weightDecay);
            _flat.Parameters.narrow(0, 0, _flat.DecayedCount).mul_(decay);
        }

        double bias1 = 1 - Math.Pow(beta1, Steps), bias2 = 1 - Math.Pow(Beta2, Steps);
        // Held by name: TorchSharp lets the garbage collector free a temporary scalar while LibTorch still reads it.
        using Scalar oldMean = beta1, newMean = 1 - beta1, oldSquare = Beta2, newSquare = 1 - Beta2, root = Math.Sqrt(bias2), epsilon = Epsilon,
            step = -learningRate / bias1;
        Mean.mul_(oldMean).add_(gradients, newMean);
        Square.mul_(oldSquare).addcmul_(gradients, gradients, newSquare);
        _denominator.copy_(Square).sqrt_().div_(root).add_(epsilon);
        _flat.Parameters.addcdiv_(Mean, _denominator, step);
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
