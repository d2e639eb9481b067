using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Serving;

/// <summary>No model is loaded, so nothing can be classified yet.</summary>
/// <param name="problem">What a caller is told.</param>
public sealed class ModelUnavailableException(Problem problem) : Exception(problem.Detail)
{
    /// <summary>What a caller is told.</summary>
    public Problem Problem { get; } = problem;
}
