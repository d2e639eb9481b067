namespace Lentigo.OnnxExport;

/// <summary>Arithmetic of shapes in which a negative number -k stands for k times the batch.</summary>
internal static class OnnxShape
{
    /// <summary>The name of the batch in files.</summary>
    public const string Batch = "n";

    public static string Text(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape.Select(Text))}]";

    public static string Text(long dimension) => dimension switch { >= 0 => $"{dimension}", -1 => Batch, _ => $"{-dimension}{Batch}" };

    /// <summary>The dimension of a text in a file, or null if it is not a multiple of the batch.</summary>
    public static long? Parse(string dimension) =>
        dimension == Batch ? -1
        : dimension.EndsWith(Batch, StringComparison.Ordinal) && long.TryParse(dimension[..^1], out long times) && times > 1 ? -times
        : null;

    /// <summary>The product, negative if it holds the batch; null if it holds the batch twice.</summary>
    public static long? Product(IEnumerable<long> shape)
    {
        long product = 1;
        foreach (long dimension in shape)
        {
            if (product < 0 && dimension < 0)
            {
                return null;
            }

            product *= dimension;
        }

        return product;
    }

    /// <summary>The shape of an elementwise operation's result (ONNX, "Multidirectional broadcasting"); null if the two do not fit.</summary>
    public static long[]? Broadcast(IReadOnlyList<long> a, IReadOnlyList<long> b)
    {
        long[] result = new long[Math.Max(a.Count, b.Count)];
        for (int i = 1; i <= result.Length; i++)
        {
            long left = i <= a.Count ? a[^i] : 1, right = i <= b.Count ? b[^i] : 1;
            if (left != right && left != 1 && right != 1)
            {
                return null;
            }

            result[^i] = left == 1 ? right : left;
        }

        return result;
    }

    /// <summary>The axis counted from the front.</summary>
    public static int Axis(long axis, int rank) => (int)(axis < 0 ? axis + rank : axis);
}
