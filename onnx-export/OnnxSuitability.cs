namespace Lentigo.OnnxExport;

/// <summary>
/// How much an image is like those that the ensemble was trained on, from a squared Mahalanobis distance: with x = features, stage_statistics and the means
/// and standard deviations of the three colour channels of the pixels in 0 to 1, one after the other [D], d = |(x - mean) projection|^2 / k and the output
/// <c>suitability</c> = exp(-max(0, d - offset) / scale), 1 at and below the offset.
/// </summary>
/// <param name="Mean">The mean of x [D].</param>
/// <param name="Projection">[D, k], row by row: what whitens x, such as eigenvectors over the roots of their eigenvalues.</param>
/// <param name="Offset">The distance up to which an image is as good as any.</param>
/// <param name="Scale">The distance beyond the offset at which the output is 1/e; positive.</param>
public sealed record OnnxSuitability(IReadOnlyList<float> Mean, IReadOnlyList<float> Projection, double Offset, double Scale)
{
    /// <summary>What suitability may differ by between runtimes: whitening multiplies the rounding of the features where images hardly differ.</summary>
    internal const double Tolerance = 0.02;

    /// <exception cref="OnnxExportException">The numbers make no distance.</exception>
    internal void Check(long length)
    {
        if (Mean.Count != length)
        {
            throw new OnnxExportException($"The suitability has a mean of {Mean.Count} numbers; this ensemble's features, stage statistics and pixel statistics are {length}.");
        }

        if (Projection.Count == 0 || Projection.Count % Mean.Count != 0)
        {
            throw new OnnxExportException($"The suitability has a projection of {Projection.Count} numbers, which is no matrix [{Mean.Count}, k].");
        }

        if (!Mean.All(float.IsFinite) || !Projection.All(float.IsFinite) || !double.IsFinite(Offset) || !(Scale > 0) || !double.IsFinite(Scale))
        {
            throw new OnnxExportException("The suitability holds a number that is not finite, or a scale that is not positive.");
        }
    }
}
