using Lentigo.Training.Data;
using static TorchSharp.torch;

namespace Lentigo.Training.Packaging;

/// <summary>Images on which ONNX Runtime and TorchSharp are compared.</summary>
internal static class ParityImages
{
    /// <summary>How many images of each kind are compared.</summary>
    public const int Count = 8;

    /// <summary>
    /// uint8 [2k, s, s, 3]: k random images followed by k real ones. Random images are smooth color gradients with grain: white noise is unlike any photograph,
    /// and
    /// networks can amplify it, and with it every rounding error, far more.
    /// </summary>
    public static Tensor Batch(LesionDataSet data, IReadOnlyList<int> images)
    {
        using Generator generator = new(1);
        Tensor colors = rand([Count, 3, 5, 5], generator: generator) * 255;
        Tensor smooth = nn.functional.interpolate(colors, [data.Size, data.Size], mode: InterpolationMode.Bilinear, align_corners: true).permute(0, 2, 3, 1);
        Tensor grain = randn([Count, data.Size, data.Size, 3], generator: generator) * 8;
        return cat([(smooth + grain).clamp(0, 255).to(ScalarType.Byte), Sample(data, images, Count)], 0);
    }

    /// <summary>uint8 [count, s, s, 3]: a reproducible random sample of images.</summary>
    public static Tensor Sample(LesionDataSet data, IReadOnlyList<int> images, int count)
    {
        int[] shuffled = [.. images];
        new Random(1).Shuffle(shuffled);
        return data.Pixels.index_select(0, tensor([.. shuffled.Take(count).Select(i => (long)i)], dtype: ScalarType.Int64));
    }
}
