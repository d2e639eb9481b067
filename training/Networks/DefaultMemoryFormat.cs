using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// Where a network leaves the channels-last memory format. Its early convolutions are faster in it, but LibTorch 2.10 computes some 1 x 1 convolutions
/// over it wrongly on CPUs with AVX-512: those from at least 256 channels to at least 256, on few pixels, by half of the largest value. In the default
/// format they are right and, on few pixels, faster.
/// </summary>
internal static class DefaultMemoryFormat
{
    /// <summary>From this many channels on, a block of inverted bottlenecks holds such convolutions or is followed by one.</summary>
    public const int WideBlock = 160;

    /// <summary>The same values [n, c, h, w] with rows of pixels side by side. On a GPU nothing is changed.</summary>
    public static Tensor From(Tensor images) => images.device.type == TorchSharp.DeviceType.CPU ? images.contiguous() : images.alias();
}
