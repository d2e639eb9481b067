using Lentigo.OnnxExport;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>
/// The vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929): patches of the image and a class token attend to each other. Parameter
/// names and initialization are torchvision's <c>VisionTransformer</c>.
/// </summary>
internal sealed class VisionTransformer : nn.Module<Tensor, Tensor>, IOnnxStagedNetwork
{
    private readonly Conv2d conv_proj;
    private readonly Parameter class_token;
    private readonly TransformerEncoder encoder;
    private readonly Sequential heads;
    private readonly int _imageSize;
    private readonly int _side;

    /// <summary>
    /// DeiT-tiny's width, depth and heads (Touvron et al. 2021, arXiv:2012.12877) for images of 64 px in patches of 8: 65 tokens,
    /// 5,389,831 parameters with 7 classes.
    /// </summary>
    public static VisionTransformer Tiny(int classes, int imageSize = 64, int patchSize = 8) =>
        new(classes, imageSize, patchSize, width: 192, layers: 12, heads: 3, mlp: 768);

    /// <summary>A transformer of any size.</summary>
    /// <param name="classes">The number of logits.</param>
    /// <param name="imageSize">The side of the images in pixels, a multiple of <paramref name="patchSize"/>.</param>
    /// <param name="patchSize">The side of a patch in pixels.</param>
    /// <param name="width">The length of a token, a multiple of <paramref name="heads"/>.</param>
    /// <param name="layers">The number of encoder blocks.</param>
    /// <param name="heads">The number of attention heads.</param>
    /// <param name="mlp">The hidden width of a block's perceptron.</param>
    /// <param name="stochasticDepth">The probability with which the last block's branches are dropped; blocks before it have their linear share.</param>
    /// <exception cref="TrainingException">The image is not a whole number of patches, or the width not one of heads.</exception>
    public VisionTransformer(int classes, int imageSize, int patchSize, int width, int layers, int heads, int mlp, double stochasticDepth = 0.1)
        : base(nameof(VisionTransformer))
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (imageSize % patchSize != 0 || width % heads != 0)
        {
            throw new TrainingException(
                $"This vision transformer cuts images into patches of {patchSize} px, but {imageSize} px are not a whole number of them (or {width} channels "
                    + $"not one of {heads} heads). "
                + $"Choose a --size that is a multiple of {patchSize}.");
        }

        _imageSize = imageSize;
        _side = imageSize / patchSize;
        int patches = _side * _side;
        conv_proj = nn.Conv2d(3, width, patchSize, stride: patchSize);
        class_token = nn.Parameter(zeros(1, 1, width));
        encoder = new(patches + 1, width, layers, heads, mlp, stochasticDepth);
        Linear head = nn.Linear(width, classes);
        this.heads = nn.Sequential(("head", head));
        RegisterComponents();

        using IDisposable noGradient = no_grad();
        double deviation = Math.Sqrt(1.0 / (3 * patchSize * patchSize));
        nn.init.trunc_normal_(conv_proj.weight, std: deviation);
        nn.init.zeros_(conv_proj.bias!);
        nn.init.zeros_(head.weight);
        nn.init.zeros_(head.bias!);
    }

    /// <summary>Logits [n, classes] of normalized images [n, 3, size, size].</summary>
    /// <exception cref="ArgumentException">The images are not of the size that the position embedding is for.</exception>
    public override Tensor forward(Tensor input)
    {
        if (input.shape[2] != _imageSize || input.shape[3] != _imageSize)
        {
            throw new ArgumentException($"This transformer takes images of {_imageSize} px, not {input.shape[3]} x {input.shape[2]}.", nameof(input));
        }

        using DisposeScope scope = NewDisposeScope();
        return heads.call(encoder.call(Tokens(input)).select(1, 0)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
    {
        return graph.Call(heads, graph.Select(graph.Call(encoder, Tokens(graph, input)), 1, 0));
    }

    /// <summary>
    /// As the interface has it. The one map is that of the patches before the last block: in that block alone they reach the class token, and after it
    /// they do not count. The features are the class token after the last normalization.
    /// </summary>
    public OnnxStages ExportStages(OnnxGraphBuilder graph, OnnxValue input)
    {
        (OnnxValue map, OnnxValue tokens) = encoder.ExportMap(graph, Tokens(graph, input), _side);
        OnnxValue pooled = graph.Select(tokens, 1, 0);
        return new([map], pooled, graph.Call(heads, pooled));
    }

    /// <inheritdoc cref="ExportStages"/>
    public TorchStages ForwardStages(Tensor input)
    {
        (Tensor map, Tensor tokens) = encoder.ForwardMap(Tokens(input), _side);
        Tensor pooled = tokens.select(1, 0);
        return new([map], pooled, heads.call(pooled));
    }

    /// <summary>The class token and the patches [n, 1 + side side, width].</summary>
    private Tensor Tokens(Tensor input)
    {
        Tensor patches = conv_proj.call(input).flatten(2).transpose(1, 2);
        return cat([class_token.expand(input.shape[0], -1, -1), patches], 1);
    }

    private OnnxValue Tokens(OnnxGraphBuilder graph, OnnxValue input)
    {
        OnnxValue patches = graph.Transpose(graph.Flatten(graph.Call(conv_proj, input), 2), 1, 2);
        return graph.Concat([graph.ExpandBatch(graph.Parameter(class_token), patches), patches], 1);
    }
}

/// <summary>The position embedding, the blocks and the last normalization: torchvision's <c>Encoder</c>. Tokens [n, t, width].</summary>
internal sealed class TransformerEncoder : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly Parameter pos_embedding;
    private readonly Sequential layers;
    private readonly LayerNorm ln;

    public TransformerEncoder(int tokens, int width, int layers, int heads, int mlp, double stochasticDepth)
        : base(nameof(TransformerEncoder))
    {
        pos_embedding = nn.Parameter(empty(1, tokens, width).normal_(0, 0.02));
        this.layers = nn.Sequential([.. Enumerable.Range(0, layers).Select(i =>
            ($"encoder_layer_{i}", (nn.Module<Tensor, Tensor>)new TransformerBlock(width, heads, mlp, stochasticDepth * i / Math.Max(layers - 1, 1))))]);
        ln = nn.LayerNorm(width, eps: 1e-6);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        return ln.call(layers.call(input + pos_embedding)).MoveToOuterDisposeScope();
    }

    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input) =>
        graph.Call(ln, graph.Call(layers, graph.Add(input, graph.Parameter(pos_embedding))));

    /// <summary>The forward, in which the patches before the last block pass through a map [n, width, side, side].</summary>
    public (Tensor Map, Tensor Tokens) ForwardMap(Tensor input, int side)
    {
        nn.Module<Tensor, Tensor>[] blocks = [.. layers.children().Cast<nn.Module<Tensor, Tensor>>()];
        Tensor tokens = blocks.SkipLast(1).Aggregate(input + pos_embedding, (x, block) => block.call(x));
        Tensor map = tokens.narrow(1, 1, side * side).transpose(1, 2).reshape(-1, tokens.shape[2], side, side);
        Tensor joined = cat([tokens.narrow(1, 0, 1), map.flatten(2).transpose(1, 2)], 1);
        return (map, ln.call(blocks[^1].call(joined)));
    }

    /// <summary><see cref="ForwardMap"/> in a graph.</summary>
    public (OnnxValue Map, OnnxValue Tokens) ExportMap(OnnxGraphBuilder graph, OnnxValue input, int side)
    {
        nn.Module[] blocks = [.. layers.children()];
        OnnxValue tokens = blocks.SkipLast(1).Aggregate(graph.Add(input, graph.Parameter(pos_embedding)), (x, block) => graph.Call(block, x));
        long count = tokens.Shape[1], width = tokens.Shape[2];
        OnnxValue map = graph.Reshape(graph.Transpose(graph.Slice(tokens, 1, 1, count), 1, 2), tokens.Shape[0], width, side, side);
        OnnxValue joined = graph.Concat([graph.Slice(tokens, 1, 0, 1), graph.Transpose(graph.Flatten(map, 2), 1, 2)], 1);
        return (map, graph.Call(ln, graph.Call(blocks[^1], joined)));
    }
}

/// <summary>Attention and a perceptron, each normalized before and added to its input: torchvision's <c>EncoderBlock</c>.</summary>
internal sealed class TransformerBlock : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly LayerNorm ln_1;
    private readonly SelfAttention self_attention;
    private readonly LayerNorm ln_2;
    private readonly Sequential mlp;
    private readonly StochasticDepth stochastic_depth;

    public TransformerBlock(int width, int heads, int hidden, double dropProbability)
        : base(nameof(TransformerBlock))
    {
        Linear widen = nn.Linear(width, hidden), narrow = nn.Linear(hidden, width);
        ln_1 = nn.LayerNorm(width, eps: 1e-6);
        self_attention = new(width, heads);
        ln_2 = nn.LayerNorm(width, eps: 1e-6);
        // torchvision counts its dropouts (here of probability 0) among the entries: the second linear layer is number 3.
        mlp = nn.Sequential(("0", widen), ("1", nn.GELU()), ("3", narrow));
        stochastic_depth = new(dropProbability);
        RegisterComponents();

        using IDisposable noGradient = no_grad();
        foreach (Linear linear in new[] { widen, narrow })
        {
            nn.init.xavier_uniform_(linear.weight);
            nn.init.normal_(linear.bias!, std: 1e-6);
        }
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor attended = input + stochastic_depth.call(self_attention.call(ln_1.call(input)));
        return (attended + stochastic_depth.call(mlp.call(ln_2.call(attended)))).MoveToOuterDisposeScope();
    }

    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
    {
        OnnxValue attended = graph.Add(input, graph.Call(stochastic_depth, graph.Call(self_attention, graph.Call(ln_1, input))));
        return graph.Add(attended, graph.Call(stochastic_depth, graph.Call(mlp, graph.Call(ln_2, attended))));
    }
}

/// <summary>
/// Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762) with the parameter names of PyTorch's <c>MultiheadAttention</c>: one matrix
/// <c>in_proj_weight</c> [3 width, width] for queries, keys and values.
/// </summary>
internal sealed class SelfAttention : nn.Module<Tensor, Tensor>, IOnnxExportable
{
    private readonly Parameter in_proj_weight;
    private readonly Parameter in_proj_bias;
    private readonly Linear out_proj;
    private readonly int _heads;

    public SelfAttention(int width, int heads)
        : base(nameof(SelfAttention))
    {
        _heads = heads;
        in_proj_weight = nn.Parameter(empty(3 * width, width));
        in_proj_bias = nn.Parameter(zeros(3 * width));
        out_proj = nn.Linear(width, width);
        RegisterComponents();

        using IDisposable noGradient = no_grad();
        nn.init.xavier_uniform_(in_proj_weight);
        nn.init.zeros_(out_proj.bias!);
    }

    public override Tensor forward(Tensor input)
    {
        using DisposeScope scope = NewDisposeScope();
        long n = input.shape[0], tokens = input.shape[1], width = input.shape[2];
        // [n, t, 3 width] -> [3, n, heads, t, width / heads]
        Tensor projected = nn.functional.linear(input, in_proj_weight, in_proj_bias)
            .view(n, tokens, 3, _heads, width / _heads).permute(2, 0, 3, 1, 4);
        Tensor attended = nn.functional.scaled_dot_product_attention(projected[0], projected[1], projected[2]);
        return out_proj.call(attended.transpose(1, 2).reshape(n, tokens, width)).MoveToOuterDisposeScope();
    }

    public OnnxValue Export(OnnxGraphBuilder graph, OnnxValue input)
    {
        long n = input.Shape[0], tokens = input.Shape[1], width = input.Shape[2];
        OnnxValue projected = graph.Permute(
            graph.Reshape(graph.Linear(input, in_proj_weight, in_proj_bias), n, tokens, 3, _heads, width / _heads), 2, 0, 3, 1, 4);
        OnnxValue attended = graph.ScaledDotProductAttention(graph.Select(projected, 0, 0), graph.Select(projected, 0, 1), graph.Select(projected, 0, 2));
        return graph.Call(out_proj, graph.Reshape(graph.Transpose(attended, 1, 2), n, tokens, width));
    }
}
