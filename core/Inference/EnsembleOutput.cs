namespace Lentigo.Core.Inference;

/// <summary>What the graph gave for a batch of n images.</summary>
/// <param name="count">n.</param>
/// <param name="members">The number of members.</param>
/// <param name="memberLogits">[n, members, 7], row by row.</param>
/// <param name="logits">[n, 7]: the mean of the members' logits, before temperature.</param>
/// <param name="probabilities">[n, 7]: softmax of logits over temperature.</param>
public sealed class EnsembleOutput(int count, int members, float[] memberLogits, float[] logits, float[] probabilities)
{
    private readonly float[]? features;
    private readonly float[]? stageStatistics;
    private readonly float[]? suitability;
    private readonly float[]? heatmaps;
    private readonly int height;
    private readonly int width;

    /// <summary>What a graph with more outputs gave.</summary>
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
        int count, int members, float[] memberLogits, float[] logits, float[] probabilities, float[]? features, float[]? stageStatistics, float[]? suitability, float[]? heatmaps, (int Height, int Width) mapShape)
        : this(count, members, memberLogits, logits, probabilities)
    {
        this.features = features;
        this.stageStatistics = stageStatistics;
        this.suitability = suitability;
        this.heatmaps = heatmaps;
        (height, width) = mapShape;
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
    /// similarity of the members. Null if the graph does not give them.
    /// </summary>
    public float[]? Features(int i) => features?.AsSpan(i * (features.Length / Count), features.Length / Count).ToArray();

    /// <summary>The means of the channels of an early stage for image <paramref name="i"/> [S], or null if the graph does not give them.</summary>
    public float[]? StageStatistics(int i) => stageStatistics?.AsSpan(i * (stageStatistics.Length / Count), stageStatistics.Length / Count).ToArray();

    /// <summary>How much image <paramref name="i"/> is like those of the training set: 1 as much as they are, towards 0 not at all. Null if the graph does not say.</summary>
    public float? Suitability(int i) => suitability?[i];

    /// <summary>
    /// Where in image <paramref name="i"/> each member saw the class that <see cref="EnsembleModel.Explain"/> was asked for (Grad-CAM, arXiv:1610.02391):
    /// [members][h][w], rows from the top, numbers of at least 0 on a scale of each member's own. Null if it was not asked for, or the graph cannot tell.
    /// </summary>
    public float[][][]? Heatmaps(int i) => heatmaps is null
        ? null
        : [.. Enumerable.Range(i * Members, Members).Select(map => Enumerable.Range(map * height, height).Select(row => heatmaps.AsSpan(row * width, width).ToArray()).ToArray())];

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

    /// <summary>The logits of an ensemble [k]: the mean of its members'.</summary>
    /// <param name="members">[members][k].</param>
    public static float[] Mean(IReadOnlyCollection<float[]> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        return [.. Enumerable.Range(0, members.First().Length).Select(c => members.Average(row => row[c]))];
    }

    private static ReadOnlySpan<float> Row(float[] values, int row) => values.AsSpan(row * LesionClasses.Count, LesionClasses.Count);
}
