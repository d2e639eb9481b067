using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>
/// A network's parameters, their gradients and its running statistics, each stored in one flat tensor of which the network's tensors are views.
/// An optimizer step, a moving average and a snapshot then take a few operations in all, not a few for each of 60 to 160 tensors.
/// </summary>
internal sealed class FlatParameters : IDisposable
{
    private readonly List<(string Name, Tensor View)> _named = [];

    /// <summary>Moves the network's parameters and floating-point buffers into flat tensors.</summary>
    /// <param name="network">The network, on its final device.</param>
    public FlatParameters(nn.Module network)
    {
        using IDisposable noGradient = no_grad();

        // Weights with two or more dimensions come first: weight decay applies to them only.
        (string Name, Tensor Tensor)[] parameters =
            [.. network.named_parameters().Select(p => (p.name, (Tensor)p.parameter)).OrderBy(p => p.Item2.dim() > 1 ? 0 : 1)];
        (string Name, Tensor Tensor)[] buffers = [.. network.named_buffers().Where(b => b.buffer.is_floating_point()).Select(b => (b.name, b.buffer))];
        Device device = parameters[0].Tensor.device;
        DecayedCount = parameters.Where(p => p.Tensor.dim() > 1).Sum(p => p.Tensor.numel());
        ParameterCount = parameters.Sum(p => p.Tensor.numel());
        Values = zeros(ParameterCount + buffers.Sum(b => b.Tensor.numel()), device: device);
        Parameters = Values.narrow(0, 0, ParameterCount);
        Gradients = zeros(ParameterCount, device: device);
        long at = 0;
        foreach ((string name, Tensor tensor) in parameters.Concat(buffers))
        {
            long count = tensor.numel();
            using Tensor slice = Values.narrow(0, at, count);
            Tensor view = slice.view(tensor.shape);
            view.copy_(tensor);
            tensor.set_(view);
            _named.Add((name, view));
            if (at < ParameterCount)
            {
                using Tensor gradientSlice = Gradients.narrow(0, at, count);
                using Tensor gradient = gradientSlice.view(tensor.shape);
                tensor.grad = gradient;
            }

            at += count;
        }
    }

    /// <summary>The parameters [p] followed by the running statistics.</summary>
    public Tensor Values { get; }

    /// <summary>The parameters [p]; weight decay applies to the first <see cref="DecayedCount"/>.</summary>
    public Tensor Parameters { get; }

    /// <summary>Their gradients [p]; autograd adds to them in place.</summary>
    public Tensor Gradients { get; }

    /// <summary>The number of parameters, p.</summary>
    public long ParameterCount { get; }

    /// <summary>The number of elements of weights with two or more dimensions.</summary>
    public long DecayedCount { get; }

    /// <summary>Views of <see cref="Values"/>, or of a copy with the same layout, under the network's names.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Named(Tensor values)
    {
        List<(string, Tensor)> named = [];
        long at = 0;
        foreach ((string name, Tensor view) in _named)
        {
            using Tensor slice = values.narrow(0, at, view.numel());
            named.Add((name, slice.view(view.shape)));
            at += view.numel();
        }

        return named;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, Tensor view) in _named)
        {
            view.Dispose();
        }

        Parameters.Dispose();
        Gradients.Dispose();
        Values.Dispose();
    }
}
