namespace Lentigo.Core.Inference;

/// <summary>What the graph gave for a batch of n images.</summary>
/// <param name="count">n.</param>
/// <param name="members">The number of members.</param>
/// <param name="memberLogits">[n, members, 7], row by row.</param>
/// <param name="logits">[n, 7]: the mean of the members' logits, before temperature.</param>
/// <param name="probabilities">[n, 7]: softmax of logits over temperature.</param>
public sealed class EnsembleOutput(int count, int members, float[] memberLogits, float[] logits, float[] probabilities)
{
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
