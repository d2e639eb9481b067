using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>
/// A copy of a network for training in mixed precision: convolutions compute in bfloat16 on rounded copies of the weights, while batch
/// normalizations, last layers and everything that the optimizer updates are shared with the network, in float32 (mixed precision, Micikevicius et al. 2018,
/// arXiv:1710.03740; bfloat16 has float32's range, so that the loss needs no scaling).
/// </summary>
/// <remarks>
/// The gain depends on the processor: with AVX512-BF16, AMX or tensor cores ResNet-18 trains faster, while depthwise convolutions
/// (MobileNetV2, EfficientNet) are slower in bfloat16 on a CPU.
/// </remarks>
internal sealed class ReducedPrecision : IDisposable
{
    private readonly List<(Tensor Full, Tensor Reduced)> _convolutions = [];

    /// <summary>Makes the copy.</summary>
    /// <param name="network">The network, its weights already in a <see cref="FlatParameters"/>.</param>
    /// <param name="twin">A network of the same architecture and device; its weights are replaced.</param>
    public ReducedPrecision(nn.Module<Tensor, Tensor> network, nn.Module<Tensor, Tensor> twin)
    {
        using IDisposable noGradient = no_grad();
        Network = twin;
        Dictionary<string, Parameter> parameters = network.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        Dictionary<string, Tensor> buffers = network.named_buffers().ToDictionary(b => b.name, b => b.buffer);
        HashSet<string> reduced = [];
        foreach ((string name, nn.Module module) in twin.named_modules())
        {
            if (module is Conv2d convolution)
            {
                convolution.weight = Reduced(parameters[name + ".weight"]);
                reduced.Add(name + ".weight");
                if (convolution.bias is not null)
                {
                    convolution.bias = Reduced(parameters[name + ".bias"]);
                    reduced.Add(name + ".bias");
                }
            }
        }

        foreach ((string name, Parameter parameter) in twin.named_parameters().Where(p => !reduced.Contains(p.name)))
        {
            parameter.set_(parameters[name]);
            using Tensor gradient = parameters[name].grad!;
            parameter.grad = gradient;
        }

        foreach ((string name, Tensor buffer) in twin.named_buffers().Where(b => b.buffer.is_floating_point()))
        {
            buffer.set_(buffers[name]);
        }
    }

    /// <summary>The data type of the input.</summary>
    public static ScalarType Type => ScalarType.BFloat16;

    /// <summary>The network to train.</summary>
    public nn.Module<Tensor, Tensor> Network { get; }

    /// <summary>Rounds the weights again: call it before the first step and after each update.</summary>
    public void Refresh()
    {
        using IDisposable noGradient = no_grad();
        foreach ((Tensor full, Tensor reduced) in _convolutions)
        {
            reduced.copy_(full);
        }
    }

    /// <summary>Moves the gradients of the rounded weights to the float32 weights: call it after each backward pass.</summary>
    public void CollectGradients()
    {
        using IDisposable noGradient = no_grad();
        foreach ((Tensor full, Tensor reduced) in _convolutions)
        {
            using Tensor target = full.grad!, gradient = reduced.grad!;
            target.add_(gradient);
            gradient.zero_();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Network.Dispose();

    private Parameter Reduced(Parameter full)
    {
        Parameter reduced = new(full.detach().to(Type));
        _convolutions.Add((full, reduced));
        return reduced;
    }
}
