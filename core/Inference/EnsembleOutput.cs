namespace Lentigo.Core.Inference;

/// <summary>The outputs of the graph for a batch of n images.</summary>
/// <param name="count">n.</param>
/// <param name="members">The number of members.</param>
/// <param name="memberLogits">[n, members, 7], row by row.</param>
/// <param name="logits">[n, 7]: the mean of the members' logits, before temperature.</param>
/// <param name="probabilities">[n, 7]: softmax of logits over temperature.</param>
public sealed class EnsembleOutput(int count, int members, float[] memberLogits, float[] logits, float[] probabilities)
{
    private readonly float[]? _features;
    private readonly float[]? _stageStatistics;
    private readonly float[]? _suitability;
    private readonly float[]? _heatmaps;
    private readonly int _height;
    private readonly int _width;

    /// <summary>The outputs of a graph with further outputs.</summary>
    /// <param name="count">n.</param>
    /// <param name="members">The number of members.</param>
    /// <param name="memberLogits">[n, members, 7], row by row.</param>
    /// <param name="logits">[n, 7].</param>
    /// <param name="probabilities">[n, 7].</param>
    /// <param name="features">[n, F], or null.</param>
    /// <param name="stageStatistics">[n, S], or null.</param>
    /// <param name="suitability">[n], or null.</param>
    /// <param name="heatmaps">[n, members, h, w], or null.</param>
    /// <param name="mapShape">h and w.</param>
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
    /// The features of image <paramref name="i"/> [F]: the members' pooled features, scaled so that a product of two images' features is the mean cosine
    /// similarity of the members. Null if the graph has none.
    /// </summary>
    public float[]? Features(int i) => _features?.AsSpan(i * (_features.Length / Count), _features.Length / Count).ToArray();

    /// <summary>The means of the channels of an early stage for image <paramref name="i"/> [S], or null if the graph has none.</summary>
    public float[]? StageStatistics(int i) => _stageStatistics?.AsSpan(i * (_stageStatistics.Length / Count), _stageStatistics.Length / Count).ToArray();

    /// <summary>
    /// The suitability of image <paramref name="i"/>: 1 if it resembles the training images, near 0 if it does not. Null if the graph has none.
    /// </summary>
    public float? Suitability(int i) => _suitability?[i];

    /// <summary>
    /// Where in image <paramref name="i"/> each member saw the class that <see cref="EnsembleModel.Explain"/> was asked for (Grad-CAM, arXiv:1610.02391):
    /// [members][h][w], rows from the top, at least 0, scaled per member. Null if it was not requested, or the graph has no explanations.
    /// </summary>
    public float[][][]? Heatmaps(int i) => _heatmaps is null
        ? null
        : [.. Enumerable.Range(i * Members, Members)
            .Select(map => Enumerable.Range(map * _height, _height).Select(row => _heatmaps.AsSpan(row * _width, _width).ToArray()).ToArray())];

    /// <summary>Softmax of logits over a temperature, in double precision so that the seven sum to 1.</summary>
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

    /// <summary>The logits of an ensemble [k]: the mean of the logits of its members.</summary>
    /// <param name="members">[members][k].</param>
    public static float[] Mean(IReadOnlyCollection<float[]> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        return [.. Enumerable.Range(0, members.First().Length).Select(c => members.Average(row => row[c]))];
    }

    private static ReadOnlySpan<float> Row(float[] values, int row) => values.AsSpan(row * LesionClasses.Count, LesionClasses.Count);
}
