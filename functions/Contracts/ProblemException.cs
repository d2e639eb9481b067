namespace Lentigo.Functions.Contracts;

/// <summary>Thrown when a request can only be answered with a problem document.</summary>
/// <param name="problem">The problem that the caller receives.</param>
public sealed class ProblemException(Problem problem) : Exception(problem.Detail)
{
    /// <summary>The problem that the caller receives.</summary>
    public Problem Problem { get; } = problem;
}
