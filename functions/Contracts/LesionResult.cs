using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Contracts;

/// <summary>
/// The result <c>results/{name}.json</c> of the blob <c>lesions/{name}</c>: the members of a <see cref="Prediction"/> if the image was classified, the
/// <see cref="Problem"/> if it was not.
/// </summary>
internal sealed record LesionResult
{
    /// <summary>The status of a classified image.</summary>
    public const string Classified = "classified";

    /// <summary>The status of an image that cannot be classified.</summary>
    public const string Rejected = "rejected";

    /// <summary>The status of an image whose processing failed in every attempt that the service makes.</summary>
    public const string Failed = "failed";

    /// <summary><see cref="Classified"/>, <see cref="Rejected"/> or <see cref="Failed"/>.</summary>
    public required string Status { get; init; }

    /// <summary>Identifies this answer in the service's log.</summary>
    public required string Id { get; init; }

    /// <summary>The blob that was processed.</summary>
    public required SourceBlob Source { get; init; }

    /// <summary>When this result was produced.</summary>
    public required DateTimeOffset Time { get; init; }

    /// <inheritdoc cref="Prediction.Triage"/>
    public Triage? Triage { get; init; }

    /// <inheritdoc cref="Prediction.Label"/>
    public ClassProbability? Label { get; init; }

    /// <inheritdoc cref="Prediction.Probabilities"/>
    public IReadOnlyList<ClassProbability>? Probabilities { get; init; }

    /// <inheritdoc cref="Prediction.Set"/>
    public PredictionSet? Set { get; init; }

    /// <inheritdoc cref="Prediction.Warnings"/>
    public IReadOnlyList<PredictionWarning>? Warnings { get; init; }

    /// <inheritdoc cref="Prediction.Suitability"/>
    public SuitabilityScore? Suitability { get; init; }

    /// <inheritdoc cref="Prediction.Members"/>
    public IReadOnlyList<MemberPrediction>? Members { get; init; }

    /// <inheritdoc cref="Prediction.Prior"/>
    public IReadOnlyDictionary<string, double>? Prior { get; init; }

    /// <inheritdoc cref="Prediction.Model"/>
    public ModelReference? Model { get; init; }

    /// <summary>Why the image was not classified.</summary>
    public Problem? Problem { get; init; }

    /// <inheritdoc cref="Prediction.Notice"/>
    public string Notice { get; init; } = LesionClasses.Notice;

    /// <summary>The result of a classified image.</summary>
    public static LesionResult From(Prediction prediction, SourceBlob source, DateTimeOffset time)
    {
        ArgumentNullException.ThrowIfNull(prediction);
        return new()
        {
            Status = Classified,
            Id = prediction.Id,
            Source = source,
            Time = time,
            Triage = prediction.Triage,
            Label = prediction.Label,
            Probabilities = prediction.Probabilities,
            Set = prediction.Set,
            Warnings = prediction.Warnings,
            Suitability = prediction.Suitability,
            Members = prediction.Members,
            Prior = prediction.Prior,
            Model = prediction.Model,
        };
    }

    /// <summary>The result of an image that was not classified.</summary>
    /// <param name="status"><see cref="Rejected"/> or <see cref="Failed"/>.</param>
    /// <param name="id">Identifies this answer in the service's log.</param>
    /// <param name="problem">Why the image was not classified.</param>
    /// <param name="source">The blob.</param>
    /// <param name="time">The current time.</param>
    public static LesionResult From(string status, string id, Problem problem, SourceBlob source, DateTimeOffset time) => new()
    {
        Status = status,
        Id = id,
        Source = source,
        Time = time,
        Problem = problem,
    };
}

/// <summary>The blob that a result belongs to.</summary>
/// <param name="Name">The blob's name in the container <c>lesions</c>.</param>
/// <param name="ETag">The version that was read; null if the blob was deleted before it could be read.</param>
/// <param name="Size">The blob's length in bytes; null if unknown.</param>
/// <param name="LastModified">When the blob was uploaded; null if unknown.</param>
internal sealed record SourceBlob(string Name, string? ETag, long? Size, DateTimeOffset? LastModified);
