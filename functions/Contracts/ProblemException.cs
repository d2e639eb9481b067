namespace Lentigo.Functions.Contracts;

/// <summary>Nothing can be answered but a problem.</summary>
/// <param name="problem">What a caller is told.</param>
public sealed class ProblemException(Problem problem) : Exception(problem.Detail)
{
    /// <summary>What a caller is told.</summary>
    public Problem Problem { get; } = problem;
}
