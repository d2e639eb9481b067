using CsCheck;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

/// <summary>Stacks of modules drawn at random export to the same numbers. CsCheck prints the seed of a stack that does not.</summary>
public sealed class RandomStacksTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void A_hundred_and_twenty_random_stacks_give_the_same_in_onnx_runtime()
    {
        int stacks = 0;
        Gen.Select(Gen.Int[0, 1_000_000], Gen.Int[0, 11].List[1, 7], Gen.Int[5, 17], Gen.Int[5, 17]).Sample(
            (seed, kinds, height, width) =>
            {
                manual_seed(seed);
                using var scope = NewDisposeScope();
                (nn.Module<Tensor, Tensor> network, string text) = Stack(kinds, height, width);
                Tensor example = randn(2, 4, height, width);
                string path = folder["stack.onnx"];
                OnnxExporter.Export(network, example, path);
                Assert.True(OnnxChecker.Check(path).Count == 0, text);
                OnnxExporter.Verify(network, example, path);
                stacks++;
            },
            iter: 120,
            threads: 1);
        Assert.True(stacks >= 100);
    }

    public void Dispose() => folder.Dispose();

    /// <summary>A network for images of 4 channels; a kind that no longer fits the size is left out.</summary>
    private static (nn.Module<Tensor, Tensor> Network, string Text) Stack(IReadOnlyList<int> kinds, int height, int width)
    {
        List<nn.Module<Tensor, Tensor>> layers = [];
        using Tensor probe = zeros(1, 4, height, width);
        long channels = 4;
        foreach (int kind in kinds)
        {
            long[] size = [height, width];
            if (layers.Count > 0)
            {
                nn.Module<Tensor, Tensor> soFar = nn.Sequential(layers);
                soFar.eval();
                size = soFar.call(probe).shape[2..];
            }

            bool small = size.Min() < 4;
            nn.Module<Tensor, Tensor>? layer = kind switch
            {
                0 => nn.Conv2d(channels, channels = 6, 3, padding: 1),
                1 when !small => nn.Conv2d(channels, channels = 8, 3, stride: 2, padding: 1, groups: 2, bias: false),
                2 => nn.BatchNorm2d(channels),
                3 => nn.GroupNorm(2, channels),
                4 => nn.ReLU(),
                5 => nn.SiLU(),
                6 when !small => nn.MaxPool2d(2, 2, ceil_mode: size[0] % 2 == 1),
                7 when !small => nn.AvgPool2d(3, 2, 1),
                8 => nn.Hardswish(),
                9 when !small => nn.Conv2d(channels, channels, 2, dilation: 2, groups: channels),
                10 => nn.Sequential(nn.Conv2d(channels, channels, 1), nn.Dropout(), nn.GELU()),
                11 => nn.AdaptiveAvgPool2d((3, 2)),
                _ => null,
            };
            if (layer is not null)
            {
                layers.Add(layer);
            }
        }

        layers.AddRange([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 3), nn.Softmax(1)]);
        return (RandomWeights.Ready(nn.Sequential(layers)), string.Join(", ", layers.Select(l => l.GetName())));
    }
}
