using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>A network that can be a member of the ensemble.</summary>
/// <param name="Name">The name in <c>--members</c> and in manifests; torchvision's where it has the network.</param>
/// <param name="Source">The paper.</param>
/// <param name="Parameters">The published number of parameters, with 7 classes instead of 1000.</param>
/// <param name="Create">Makes the network with random weights for a number of classes and an input size in pixels.</param>
/// <param name="Mean">The mean of each channel, for pixels in 0 to 1, that its public weights were trained with.</param>
/// <param name="Std">The standard deviation of each channel, likewise.</param>
/// <param name="Head">The name of the last layer, whose logits are those of the classes.</param>
internal sealed record MemberArchitecture(
    string Name,
    string Source,
    long Parameters,
    Func<int, int, nn.Module<Tensor, Tensor>> Create,
    IReadOnlyList<float> Mean,
    IReadOnlyList<float> Std,
    string Head)
{
    /// <summary>How the names in files of its public weights become its own; empty where they are the same, as with all of torchvision's.</summary>
    public IReadOnlyList<PublicName> PublicNames { get; init; } = [];
}

/// <summary>Every network that can be a member, under its name.</summary>
internal static class MemberRegistry
{
    // torchvision's ImageNet statistics; the weights that Google trained expect pixels scaled to [-1, 1].
    private static readonly float[] ImageNetMean = [0.485f, 0.456f, 0.406f];
    private static readonly float[] ImageNetStd = [0.229f, 0.224f, 0.225f];
    private static readonly float[] Half = [0.5f, 0.5f, 0.5f];

    /// <summary>The networks, in the order in which they are listed.</summary>
    public static IReadOnlyList<MemberArchitecture> All { get; } =
    [
        new("resnet18", "He et al. 2016, arXiv:1512.03385", 11_180_103, (classes, _) => new ResNet(classes), ImageNetMean, ImageNetStd, "fc"),
        new("mobilenet_v2", "Sandler et al. 2018, arXiv:1801.04381", 2_232_839, (classes, _) => new MobileNetV2(classes), Half, Half, "classifier.1"),
        new("efficientnet_b0", "Tan and Le 2019, arXiv:1905.11946", 4_016_515, (classes, _) => EfficientNet.B0(classes), ImageNetMean, ImageNetStd,
            "classifier.1") { PublicNames = PublicName.TimmEfficientNet },
        new("efficientnet_b4", "Tan and Le 2019, arXiv:1905.11946", 17_561_167, (classes, _) => EfficientNet.B4(classes), ImageNetMean, ImageNetStd,
            "classifier.1") { PublicNames = PublicName.TimmEfficientNet },
        new("vit_tiny", "Touvron et al. 2021, arXiv:2012.12877", 5_389_831, (classes, size) => VisionTransformer.Tiny(classes, size), ImageNetMean,
            ImageNetStd, "heads.head") { PublicNames = PublicName.Deit },
    ];

    /// <summary>The network of a name.</summary>
    /// <exception cref="TrainingException">There is none.</exception>
    public static MemberArchitecture Find(string name) =>
        All.FirstOrDefault(a => a.Name == name)
        ?? throw new TrainingException($"There is no member '{name}'. Known members: {string.Join(", ", All.Select(a => a.Name))}.");
}
