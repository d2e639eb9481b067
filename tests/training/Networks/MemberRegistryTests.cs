using Lentigo.Core;
using Lentigo.Training.Networks;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests.Networks;

public sealed class MemberRegistryTests
{
    public static TheoryData<string> Names => [.. MemberRegistry.All.Select(a => a.Name)];

    [Fact]
    public void The_papers_networks_have_torchvisions_parameter_counts()
    {
        Assert.Equal(11_180_103, MemberRegistry.Find("resnet18").Parameters);
        Assert.Equal(2_232_839, MemberRegistry.Find("mobilenet_v2").Parameters);
        Assert.Equal(11_689_512, new ResNet(1000).parameters().Sum(p => p.numel()));
        Assert.Equal(3_504_872, new MobileNetV2(1000).parameters().Sum(p => p.numel()));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_member_has_its_published_parameter_count(string name)
    {
        MemberArchitecture architecture = MemberRegistry.Find(name);
        using var network = architecture.Create(LesionClasses.Count, 64);
        Assert.Equal(architecture.Parameters, network.parameters().Sum(p => p.numel()));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_member_gives_seven_logits_an_image_and_lets_its_prior_be_corrected(string name)
    {
        manual_seed(1);
        MemberArchitecture architecture = MemberRegistry.Find(name);
        using var network = architecture.Create(LesionClasses.Count, 64);
        network.eval();
        using var noGradient = no_grad();
        Tensor images = randn(2, 3, 64, 64), before = network.call(images);
        float[] correction = [1, 2, 3, 4, 5, 6, 7];
        LogitPrior.Fold(network, architecture.Head, correction);
        Tensor difference = network.call(images) - before;
        Assert.Equal([2, 7], before.shape);
        Assert.True(difference.allclose(tensor(correction).expand(2, 7), atol: 1e-4));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Every_member_computes_the_same_whatever_the_memory_format_of_its_images(string name)
    {
        manual_seed(1);
        using var network = MemberRegistry.Find(name).Create(LesionClasses.Count, 96);
        using var noGradient = no_grad();
        Tensor images = randn(32, 3, 96, 96), channelsLast = images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        network.eval();
        Tensor expected = network.call(images), actual = network.call(channelsLast);
        Assert.True(expected.allclose(actual, 1e-4, 1e-4), $"off by {(expected - actual).abs().max().item<float>()}");
    }

    [Fact]
    public void An_unknown_member_is_refused_with_the_names_of_the_known_ones()
    {
        TrainingException refused = Assert.Throws<TrainingException>(() => MemberSpec.Parse("resnet18,resnet81", 1));
        Assert.Contains("'resnet81'", refused.Message, StringComparison.Ordinal);
        Assert.Contains("mobilenet_v2", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_member_may_carry_its_own_seed()
    {
        IReadOnlyList<MemberSpec> members = MemberSpec.Parse("resnet18, resnet18@7", 1);
        Assert.Equal([("resnet18", 1), ("resnet18@7", 7)], members.Select(m => (m.Name, m.Seed)));
        Assert.Throws<TrainingException>(() => MemberSpec.Parse("resnet18,resnet18", 1));
    }
}
