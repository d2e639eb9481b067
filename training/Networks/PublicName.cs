using System.Text.RegularExpressions;

namespace Lentigo.Training.Networks;

/// <summary>How a name in a file of public weights becomes a name of the network.</summary>
/// <param name="Pattern">A regular expression for the whole name in the file.</param>
/// <param name="Replacement">The network's name, with <c>$1</c>, ... for the pattern's groups.</param>
internal sealed record PublicName(string Pattern, string Replacement)
{
    /// <summary>
    /// DeiT's names (Touvron et al. 2021, github.com/facebookresearch/deit; timm's transformers have the same) to torchvision's. The order of
    /// queries, keys and values in <c>qkv</c> is that of <c>in_proj</c>.
    /// </summary>
    public static IReadOnlyList<PublicName> Deit { get; } =
    [
        new("cls_token", "class_token"),
        new("pos_embed", "encoder.pos_embedding"),
        new(@"patch_embed\.proj\.(weight|bias)", "conv_proj.$1"),
        new(@"blocks\.(\d+)\.norm1\.(weight|bias)", "encoder.layers.encoder_layer_$1.ln_1.$2"),
        new(@"blocks\.(\d+)\.attn\.qkv\.(weight|bias)", "encoder.layers.encoder_layer_$1.self_attention.in_proj_$2"),
        new(@"blocks\.(\d+)\.attn\.proj\.(weight|bias)", "encoder.layers.encoder_layer_$1.self_attention.out_proj.$2"),
        new(@"blocks\.(\d+)\.norm2\.(weight|bias)", "encoder.layers.encoder_layer_$1.ln_2.$2"),
        new(@"blocks\.(\d+)\.mlp\.fc1\.(weight|bias)", "encoder.layers.encoder_layer_$1.mlp.0.$2"),
        new(@"blocks\.(\d+)\.mlp\.fc2\.(weight|bias)", "encoder.layers.encoder_layer_$1.mlp.3.$2"),
        new(@"norm\.(weight|bias)", "encoder.ln.$1"),
        new(@"head\.(weight|bias)", "heads.head.$1"),
    ];

    /// <summary>
    /// timm's names of EfficientNet (Wightman, github.com/huggingface/pytorch-image-models: <c>efficientnet_b0</c>, <c>tf_efficientnet_b4</c> and the like) to
    /// torchvision's. Its first stage does not
    /// expand channels, so that its convolutions are one fewer.
    /// </summary>
    public static IReadOnlyList<PublicName> TimmEfficientNet { get; } =
    [
        new(@"conv_stem\.(\w+)", "features.0.0.$1"),
        new(@"bn1\.(\w+)", "features.0.1.$1"),
        .. Block(0, 1, ("conv_dw", "0.0"), ("bn1", "0.1"), ("se.conv_reduce", "1.fc1"), ("se.conv_expand", "1.fc2"), ("conv_pw", "2.0"), ("bn2", "2.1")),
        .. Block(1, 6, ("conv_pw", "0.0"), ("bn1", "0.1"), ("conv_dw", "1.0"), ("bn2", "1.1"), ("se.conv_reduce", "2.fc1"), ("se.conv_expand", "2.fc2"),
            ("conv_pwl", "3.0"), ("bn3", "3.1")),
        new(@"conv_head\.(\w+)", "features.8.0.$1"),
        new(@"bn2\.(\w+)", "features.8.1.$1"),
        new(@"classifier\.(\w+)", "classifier.1.$1"),
    ];

    /// <summary>The network's name of a name in a file: the first rule's that matches, or the name as it is.</summary>
    public static string Translate(string name, IReadOnlyList<PublicName> rules)
    {
        foreach (PublicName rule in rules)
        {
            Match match = Regex.Match(name, $"^(?:{rule.Pattern})$", RegexOptions.CultureInvariant);
            if (match.Success)
            {
                return match.Result(rule.Replacement);
            }
        }

        return name;
    }

    // timm counts stages from 0, torchvision from 1, after the stem.
    private static IEnumerable<PublicName> Block(int first, int count, params (string Timm, string Torchvision)[] layers) =>
        from stage in Enumerable.Range(first, count)
        from layer in layers
        select new PublicName($@"blocks\.{stage}\.(\d+)\.{Regex.Escape(layer.Timm)}\.(\w+)", $"features.{stage + 1}.$1.block.{layer.Torchvision}.$2");
}
