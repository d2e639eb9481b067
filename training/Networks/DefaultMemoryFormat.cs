using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// Where a network leaves the channels-last memory format. Its early convolutions are faster in it, but LibTorch 2.10 computes some 1 x 1 convolutions
/// over it wrongly on CPUs with AVX-512, in the last channels, far beyond rounding. In the default
/// format they are right and, on few pixels, faster.
/// </summary>
internal static class DefaultMemoryFormat
{
    /// <summary>From this many channels on, a block of inverted bottlenecks holds such convolutions or is followed by one.</summary>
    public const int WideBlock = 160;

    /// <summary>
    /// The same in EfficientNet, whose convolutions to 40, 80 and 112 channels (a few more than a multiple of 32) go wrong too, on batches of any size.
    /// </summary>
    public const int WideEfficientBlock = 40;

    /// <summary>The same values [n, c, h, w] with rows of pixels side by side. On a GPU nothing is changed.</summary>
    public static Tensor From(Tensor images) => images.device.type == TorchSharp.DeviceType.CPU ? images.contiguous() : images.alias();
}
