using Lentigo.Core.Decisions;

namespace Lentigo.Core.Predictions;

/// <summary>What a caller may choose of an answer.</summary>
public sealed record PredictionOptions
{
    /// <summary>How probabilities become a recommendation.</summary>
    public DecisionRequest Decision { get; init; } = new();

    /// <summary>The class to explain; <see cref="MostProbable"/> for the most probable one; null for no explanation.</summary>
    public string? Explain { get; init; }

    /// <summary>How many similar training images to name, 0 to <see cref="MostSimilar"/>.</summary>
    public int Similar { get; init; }

    /// <summary>Whether an image that is no dermoscopy image is answered all the same, with a warning.</summary>
    public bool AnswerUnsuitable { get; init; }

    /// <summary>The <see cref="Explain"/> that stands for the most probable class.</summary>
    public const string MostProbable = "true";

    /// <summary>The most similar images that may be asked for.</summary>
    public const int MostSimilar = 20;
}
