using Lentigo.Core.Predictions;

namespace Lentigo.Core.Imaging;

/// <summary>An image cannot be classified, through no fault of the service. <see cref="Problem"/> says why and what to do.</summary>
/// <param name="problem">What a caller is told.</param>
public sealed class ImageRejectedException(Problem problem) : Exception(problem.Detail)
{
    /// <summary>What a caller is told.</summary>
    public Problem Problem { get; } = problem;
}
