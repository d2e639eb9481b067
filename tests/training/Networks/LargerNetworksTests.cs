using Lentigo.Training.Networks;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Networks;

public class LargerNetworksTests
{
    [Fact]
    public void Parameter_counts_are_the_published_ones()
    {
        // torchvision's model pages for EfficientNet; timm's deit_tiny_patch16_224 (5.72 M in the DeiT paper's Table 5).
        Assert.Equal(5_288_548, Parameters(EfficientNet.B0(1000)));
        Assert.Equal(19_341_616, Parameters(EfficientNet.B4(1000)));
        Assert.Equal(5_717_416, Parameters(VisionTransformer.Tiny(1000, imageSize: 224, patchSize: 16)));
    }

    [Fact]
    public void With_seven_classes_only_the_last_layer_shrinks()
    {
        Assert.Equal(5_288_548 - 993 * (1280 + 1), Parameters(EfficientNet.B0(7)));
        Assert.Equal(19_341_616 - 993 * (1792 + 1), Parameters(EfficientNet.B4(7)));
        // Against DeiT-tiny: 993 classes, three quarters of each patch's weights and 132 of 197 positions less.
        Assert.Equal(5_717_416 - 993 * (192 + 1) - 192 * 3 * (256 - 64) - 132 * 192, Parameters(VisionTransformer.Tiny(7)));
        Assert.Equal(5_389_831, Parameters(VisionTransformer.Tiny(7)));
    }

    [Theory]
    [InlineData("features.0.0.weight", new long[] { 32, 3, 3, 3 })]
    [InlineData("features.1.0.block.0.0.weight", new long[] { 32, 1, 3, 3 })]
    [InlineData("features.1.0.block.1.fc1.bias", new long[] { 8 })]
    [InlineData("features.2.0.block.0.1.running_var", new long[] { 96 })]
    [InlineData("features.6.3.block.2.fc2.weight", new long[] { 1152, 48, 1, 1 })]
    [InlineData("features.7.0.block.3.1.num_batches_tracked", new long[] { })]
    [InlineData("features.8.0.weight", new long[] { 1280, 320, 1, 1 })]
    [InlineData("classifier.1.weight", new long[] { 7, 1280 })]
    public void Efficientnet_has_torchvisions_names_and_shapes(string name, long[] shape)
    {
        using EfficientNet network = EfficientNet.B0(7);
        Assert.Equal(shape, network.state_dict()[name].shape);
        Assert.Equal(360, network.state_dict().Count);
    }

    [Theory]
    [InlineData("class_token", new long[] { 1, 1, 192 })]
    [InlineData("conv_proj.weight", new long[] { 192, 3, 8, 8 })]
    [InlineData("encoder.pos_embedding", new long[] { 1, 65, 192 })]
    [InlineData("encoder.layers.encoder_layer_0.ln_1.weight", new long[] { 192 })]
    [InlineData("encoder.layers.encoder_layer_11.self_attention.in_proj_weight", new long[] { 576, 192 })]
    [InlineData("encoder.layers.encoder_layer_11.self_attention.out_proj.bias", new long[] { 192 })]
    [InlineData("encoder.layers.encoder_layer_3.mlp.0.weight", new long[] { 768, 192 })]
    [InlineData("encoder.layers.encoder_layer_3.mlp.3.weight", new long[] { 192, 768 })]
    [InlineData("encoder.ln.bias", new long[] { 192 })]
    [InlineData("heads.head.bias", new long[] { 7 })]
    public void Vision_transformer_has_torchvisions_names_and_shapes(string name, long[] shape)
    {
        using VisionTransformer network = VisionTransformer.Tiny(7);
        Assert.Equal(shape, network.state_dict()[name].shape);
        Assert.Equal(152, network.state_dict().Count);
    }

    [Theory] // the logits of torchvision 0.14.1's networks with the same weights for the same two images
    [InlineData("efficientnet_b0",
        new[] { -0.1622, 0.16059, -0.01499, -0.0352, 0.12914, -0.16326, 0.11739, -0.16233, 0.16741, -0.01547, -0.02871, 0.12741, -0.15562, 0.12323 })]
    [InlineData("efficientnet_b4",
        new[] { -1.73103, -3.88613, 2.17879, 9.18549, -4.5458, -1.43682, -4.03246, 0.20103, -2.7602, 2.9337, 3.79003, -2.42096, -1.24782, -1.81818 })]
    [InlineData("vit_tiny",
        new[] { 0.43802, 2.67601, 4.36224, -0.8444, -3.50107, -1.87497, 0.8568, 0.20551, 4.9511, 3.89726, 2.24697, -2.73108, -1.19333, -0.18831 })]
    public void Logits_are_those_of_torchvisions_network_with_the_same_weights(string name, double[] expected)
    {
        using nn.Module<Tensor, Tensor> network = MemberRegistry.Find(name).Create(7, 64);
        using IDisposable noGradient = no_grad();
        Dictionary<string, Tensor> state = network.state_dict();
        string[] names = [.. state.Keys.Where(n => !n.EndsWith("num_batches_tracked", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        for (int k = 0; k < names.Length; k++)
        {
            Tensor target = state[names[k]], noise = Noise(target.numel(), k).reshape(target.shape);
            target.copy_(
                names[k].EndsWith("running_var", StringComparison.Ordinal) ? 1 + 0.5 * noise.abs()
                : target.dim() > 1 ? noise * Math.Sqrt(6.0 * target.shape[0] / target.numel())
                : names[k].EndsWith("weight", StringComparison.Ordinal) ? 1.25 + 0.1 * noise
                : 0.1 * noise);
        }

        network.eval();
        using Tensor logits = network.call(Noise(2 * 3 * 64 * 64, 0.5).reshape(2, 3, 64, 64).to(float32)).reshape(-1);
        Assert.All(expected.Zip(logits.data<float>()), p => Assert.Equal(p.First, p.Second, 2e-4 + 2e-4 * Math.Abs(p.First)));

        // Numbers from -1 to 1 that any language can make again.
        static Tensor Noise(long count, double phase)
        {
            Tensor wild = (arange(count, dtype: float64) * 12.9898 + phase).sin() * 43758.5453;
            return (wild - wild.floor()) * 2 - 1;
        }
    }

    [Theory]
    [InlineData("efficientnet_b0")]
    [InlineData("vit_tiny")]
    public void Each_image_has_its_own_logits_and_every_parameter_a_gradient(string name)
    {
        random.manual_seed(3);
        using nn.Module<Tensor, Tensor> network = name == "vit_tiny" ? VisionTransformer.Tiny(7) : EfficientNet.B0(7);
        network.train();
        // The seed is one with which stochastic depth drops no block for all four images at once.
        using Tensor images = randn(4, 3, 64, 64);
        if (network is VisionTransformer)
        {
            // torchvision starts the head at zero, which lets no gradient through at first.
            using IDisposable noGradient = no_grad();
            nn.init.normal_(network.get_parameter("heads.head.weight"), std: 0.02);
        }

        using Tensor loss = nn.functional.cross_entropy(network.call(images), tensor(new long[] { 0, 1, 2, 3 }));
        loss.backward();
        Assert.All(network.named_parameters(), p => Assert.True(p.parameter.grad is { } g && g.abs().sum().item<float>() > 0, p.name));

        network.eval();
        using IDisposable evaluation = no_grad();
        using Tensor together = network.call(images), alone = network.call(images[TensorIndex.Slice(1, 2)]);
        Assert.Equal([4, 7], together.shape);
        Assert.True(allclose(together[1], alone[0], rtol: 1e-4, atol: 1e-5));
        Assert.NotEqual(0, (together[0] - together[1]).abs().max().item<float>());
    }

    [Fact]
    public void Stochastic_depth_drops_whole_images_keeps_the_mean_and_rests_in_evaluation()
    {
        random.manual_seed(5);
        using StochasticDepth depth = new(0.25);
        using Tensor input = ones(20_000, 2, 2);
        depth.train();
        using Tensor dropped = depth.call(input);
        Assert.Equal(1, dropped.mean().item<float>(), 0.03);
        Assert.All(dropped.amax([1, 2]).data<float>(), v => Assert.True(v == 0 || Math.Abs(v - 4 / 3f) < 1e-6));
        Assert.True(equal(dropped.amin([1, 2]), dropped.amax([1, 2])).all().item<bool>());
        depth.eval();
        Assert.True(allclose(depth.call(input), input));
    }

    [Fact]
    public void A_transformer_refuses_images_of_another_size_with_both_sizes_named()
    {
        using VisionTransformer network = VisionTransformer.Tiny(7);
        string message = Assert.Throws<ArgumentException>(() => network.call(zeros(1, 3, 32, 32))).Message;
        Assert.Contains("64 px, not 32 x 32", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_transformer_refuses_a_size_that_is_not_a_whole_number_of_patches() =>
        Assert.Contains("a multiple of 8", Assert.Throws<TrainingException>(() => VisionTransformer.Tiny(7, imageSize: 100)).Message, StringComparison.Ordinal);

    private static long Parameters(nn.Module network)
    {
        using (network)
        {
            return network.parameters().Sum(p => p.numel());
        }
    }
}
