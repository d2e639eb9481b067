namespace Lentigo.Core.Inference;

/// <summary>The outputs of the graph for a batch of n images.</summary>
/// <param name="count">n.</param>
/// <param name="members">The number of members.</param>
/// <param name="memberLogits">[n, members, 7], row-major.</param>
/// <param name="logits">[n, 7]: the mean of the members' logits, before temperature.</param>
/// <param name="probabilities">[n, 7]: softmax of the logits divided by the temperature.</param>
public sealed class EnsembleOutput(int count, int members, float[] memberLogits, float[] logits, float[] probabilities)
{
    private readonly float[]? _features;
    private readonly float[]? _stageStatistics;
    private readonly float[]? _suitability;
    private readonly float[]? _heatmaps;
    private readonly int _height;
    private readonly int _width;

    /// <summary>The outputs of a graph, including the optional ones.</summary>
    /// <param name="count">n.</param>
    /// <param name="members">The number of members.</param>
    /// <param name="memberLogits">[n, members, 7], row-major.</param>
    /// <param name="logits">[n, 7].</param>
    /// <param name="probabilities">[n, 7].</param>
    /// <param name="features">[n, F], or null.</param>
    /// <param name="stageStatistics">[n, S], or null.</param>
    /// <param name="suitability">[n], or null.</param>
    /// <param name="heatmaps">[n, members, h, w], or null.</param>
    /// <param name="mapShape">The height and width of the heatmaps, h and w.</param>
    internal EnsembleOutput(
        int count, int members, float[] memberLogits, float[] logits, float[] probabilities, float[]? features, float[]? stageStatistics, float[]? suitability,
            float[]? heatmaps, (int Height, int Width) mapShape)
        : this(count, members, memberLogits, logits, probabilities)
    {
        _features = features;
        _stageStatistics = stageStatistics;
        _suitability = suitability;
        _heatmaps = heatmaps;
        (_height, _width) = mapShape;
    }

    /// <summary>The number of images, n.</summary>
    public int Count { get; } = count;

    /// <summary>The number of members.</summary>
    public int Members { get; } = members;

    /// <summary>The seven probabilities of image <paramref name="i"/>.</summary>
    public ReadOnlySpan<float> Probabilities(int i) => Row(probabilities, i);

    /// <summary>The seven averaged logits of image <paramref name="i"/>.</summary>
    public ReadOnlySpan<float> Logits(int i) => Row(logits, i);

    /// <summary>The seven logits of image <paramref name="i"/> by member <paramref name="member"/>.</summary>
    public ReadOnlySpan<float> MemberLogits(int i, int member) => Row(memberLogits, i * Members + member);

    /// <summary>
    /// The features of image <paramref name="i"/> [F]: the members' pooled features, scaled so that the dot product of two images' features is the members'
    /// mean cosine similarity. Null if the graph has none.
    /// </summary>
    public float[]? Features(int i) => _features?.AsSpan(i * (_features.Length / Count), _features.Length / Count).ToArray();

    /// <summary>The channel means of an early stage of the network for image <paramref name="i"/> [S], or null if the graph has none.</summary>
    public float[]? StageStatistics(int i) => _stageStatistics?.AsSpan(i * (_stageStatistics.Length / Count), _stageStatistics.Length / Count).ToArray();

    /// <summary>
    /// The suitability of image <paramref name="i"/>: 1 if it resembles the training images, near 0 if it does not. Null if the graph has none.
    /// </summary>
    public float? Suitability(int i) => _suitability?[i];

    /// <summary>
    /// Heatmaps of where in image <paramref name="i"/> each member saw the class requested from <see cref="EnsembleModel.Explain"/> (Grad-CAM,
    /// arXiv:1610.02391): [members][h][w], rows from top to bottom, non-negative, scaled per member. Null if no explanation was requested or the graph does not
    /// support it.
    /// </summary>
    public float[][][]? Heatmaps(int i) => _heatmaps is null
        ? null
        : [.. Enumerable.Range(i * Members, Members)
            .Select(map => Enumerable.Range(map * _height, _height).Select(row => _heatmaps.AsSpan(row * _width, _width).ToArray()).ToArray())];

    /// <summary>Computes the softmax of logits divided by a temperature, in double precision so that the probabilities sum to 1.</summary>
    public static double[] Softmax(ReadOnlySpan<float> logits, double temperature)
    {
        double[] result = new double[logits.Length];
        double max = double.NegativeInfinity, sum = 0;
        foreach (float z in logits)
        {
            max = Math.Max(max, z);
        }

        for (int i = 0; i < logits.Length; i++)
        {
            sum += result[i] = Math.Exp((logits[i] - max) / temperature);
        }

        for (int i = 0; i < result.Length; i++)
        {
            result[i] /= sum;
        }

        return result;
    }

    /// <summary>Computes the logits of an ensemble [k]: the mean of its members' logits.</summary>
    /// <param name="members">[members][k].</param>
    public static float[] Mean(IReadOnlyCollection<float[]> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        return [.. Enumerable.Range(0, members.First().Length).Select(c => members.Average(row => row[c]))];
    }

    private static ReadOnlySpan<float> Row(float[] values, int row) => values.AsSpan(row * LesionClasses.Count, LesionClasses.Count);
}
