using Lentigo.Core.Decisions;

namespace Lentigo.Core.Predictions;

/// <summary>The options of a caller for an answer.</summary>
public sealed record PredictionOptions
{
    /// <summary>How to turn probabilities into a recommendation.</summary>
    public DecisionRequest Decision { get; init; } = new();

    /// <summary>The code of the class to explain, or <see cref="MostProbable"/> for the most probable class; null for no explanation.</summary>
    public string? Explain { get; init; }

    /// <summary>The number of similar training images to list, 0 to <see cref="MostSimilar"/>.</summary>
    public int Similar { get; init; }

    /// <summary>Whether to answer with a warning, instead of an error, if the image is not a dermoscopy image.</summary>
    public bool AnswerUnsuitable { get; init; }

    /// <summary>The value of <see cref="Explain"/> that selects the most probable class.</summary>
    public const string MostProbable = "true";

    /// <summary>The maximum value of <see cref="Similar"/>.</summary>
    public const int MostSimilar = 20;
}
