using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

internal static class RandomWeights
{
    /// <summary>Gives normalizations statistics, scales and shifts that do something, and puts the network in evaluation.</summary>
    public static T Ready<T>(T network)
        where T : nn.Module
    {
        using IDisposable noGradient = no_grad();
        foreach (nn.Module module in network.modules().Append(network))
        {
            if (module is NormBase { track_running_stats: true } norm)
            {
                nn.init.normal_(norm.running_mean!, 0, 0.1);
                nn.init.uniform_(norm.running_var!, 0.5, 2);
            }

            // TorchSharp 0.107 leaves these as the memory was.
            if (module is GroupNorm { weight: not null } group)
            {
                nn.init.uniform_(group.weight, 0.5, 1.5);
                nn.init.normal_(group.bias!, 0, 0.2);
            }

            if (module is NormBase { affine: true } affine)
            {
                nn.init.uniform_(affine.weight!, 0.5, 1.5);
                nn.init.normal_(affine.bias!, 0, 0.2);
            }
        }

        network.eval();
        return network;
    }
}
