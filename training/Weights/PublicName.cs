using System.Text.RegularExpressions;

namespace Lentigo.Training.Weights;

/// <summary>How a name in a file of public weights becomes a name of the network.</summary>
/// <param name="Pattern">A regular expression for the whole name in the file.</param>
/// <param name="Replacement">The network's name, with <c>$1</c>, ... for the pattern's groups.</param>
public sealed record PublicName(string Pattern, string Replacement)
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

    /// <summary>The network's name of a name in a file: the first rule's that matches, or the name as it is.</summary>
    public static string Translate(string name, IReadOnlyList<PublicName> rules)
    {
        ArgumentNullException.ThrowIfNull(rules);
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
}
