using Lentigo.Core;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>Inference with a member network in TorchSharp.</summary>
internal static class MemberLogits
{
    private const int BatchSize = 64; // larger batches do not fit into the processor's cache

    /// <summary>Logits [n][7] of images, averaged over the flips of the recipe.</summary>
    /// <param name="network">The network.</param>
    /// <param name="images">The data set, which loads and normalizes batches.</param>
    /// <param name="indices">The images, n of them.</param>
    /// <param name="flips"><c>none</c>, <c>horizontal</c> or <c>all</c>.</param>
    /// <param name="change">Changes the pixels [b, 3, s, s] before normalization, for instance blurs them; null for no change.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    public static float[][] Compute(nn.Module<Tensor, Tensor> network, ImageBatches images, IReadOnlyList<int> indices, string flips, Func<Tensor,
        Tensor>? change = null, CancellationToken cancellationToken = default)
    {
        network.eval();
        using IDisposable noGradient = no_grad();
        List<float[]> rows = [];
        foreach (int[] batch in indices.Chunk(BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            Tensor pixels = images.Load(batch);
            Tensor x = images.Normalize(change is null ? pixels : change(pixels));
            long[][] views = flips switch { "all" => [[], [3], [2], [2, 3]], "horizontal" => [[], [3]], _ => [[]] };
            using Scalar count = views.Length;
            Tensor logits = views.Select(axes => network.call(axes.Length == 0 ? x : x.flip(axes))).Aggregate((a, b) => a + b) / count;
            float[] values = logits.cpu().data<float>().ToArray();
            rows.AddRange(values.Chunk(LesionClasses.Count));
        }

        return [.. rows];
    }
}
