using Lentigo.Core;
using Lentigo.Core.Predictions;

namespace Lentigo.Functions.Contracts;

/// <summary>The document of <c>GET /api/health</c> while the service can classify; else it answers with the problem.</summary>
/// <param name="Status"><see cref="Ready"/> or <see cref="Degraded"/>.</param>
/// <param name="Model">The model that serves.</param>
/// <param name="Device">The processor it runs on, <c>cpu</c> or <c>cuda</c>.</param>
/// <param name="Warning">Why it runs on the CPU where a GPU was wished for, or null.</param>
/// <param name="Refused">The published version that cannot be used, so that <paramref name="Model"/> serves on; null where there is none.</param>
/// <param name="Candidate">The version that is tried beside it; null where there is none.</param>
internal sealed record ServiceHealth(string Status, ModelReference Model, string Device, string? Warning, RefusedVersion? Refused, CandidateStatus? Candidate)
{
    /// <summary>The service can classify.</summary>
    public const string Ready = "ready";

    /// <summary>The service can classify, but not with the version that was published last, or not with the candidate.</summary>
    public const string Degraded = "degraded";

    /// <inheritdoc cref="Prediction.Notice"/>
    public string Notice { get; init; } = LesionClasses.Notice;
}
