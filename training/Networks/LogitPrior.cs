using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// Corrects logits for another class prior (Saerens et al. 2002; Menon et al. 2021, arXiv:2007.07314): z_c + log(wanted_c / trained_c), so that
/// softmax gives the posterior under the wanted prior.
/// </summary>
internal static class LogitPrior
{
    /// <summary>[7]: what to add to the logits. A class that was never trained on, or never occurs, keeps its logit.</summary>
    public static float[] Correction(IReadOnlyList<double> trained, IReadOnlyList<double> wanted)
    {
        return [.. trained.Select((t, c) => t > 0 && wanted[c] > 0 ? (float)Math.Log(wanted[c] / t) : 0)];
    }

    /// <summary>Adds the correction to the bias of the last layer.</summary>
    public static void Fold(nn.Module network, string head, float[] correction)
    {
        using IDisposable noGradient = no_grad();
        Linear layer = (Linear)network.named_modules().Single(m => m.name == head).module;
        using Tensor added = tensor(correction, device: layer.weight.device);
        layer.bias!.add_(added);
    }
}
