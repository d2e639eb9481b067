using Lentigo.Core;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Contracts;

/// <summary>The response to <c>GET /api/health</c> while the service can classify; otherwise it returns the problem.</summary>
/// <param name="Status"><see cref="Ready"/> or <see cref="Degraded"/>.</param>
/// <param name="Model">The serving model.</param>
/// <param name="Device">The processor that the model runs on, <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="Warning">Why the model runs on the CPU although a GPU was requested, or null.</param>
/// <param name="Refused">The published version that cannot be used, so that <paramref name="Model"/> keeps serving; null if there is none.</param>
/// <param name="Candidate">The candidate version that is tried alongside the serving one; null if there is none.</param>
internal sealed record ServiceHealth(string Status, ModelReference Model, string Device, string? Warning, RefusedVersion? Refused, CandidateStatus? Candidate)
{
    /// <summary>The service can classify.</summary>
    public const string Ready = "ready";

    /// <summary>The service can classify, but not with the most recently published version, or not with the candidate.</summary>
    public const string Degraded = "degraded";

    /// <inheritdoc cref="Prediction.Notice"/>
    public string Notice { get; init; } = LesionClasses.Notice;
}
