using System.Text.Json.Serialization;

namespace Lentigo.Functions.Contracts;

/// <summary>The candidate: the model version of the setting <c>Lentigo__Candidate</c>, tried alongside the serving version.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The version.</param>
/// <param name="State">
/// <see cref="Loading"/>, <see cref="Ready"/>, <see cref="Refused"/>, or <see cref="Serving"/> if the candidate is already the serving version, so that there
/// is nothing to try.
/// </param>
/// <param name="Share">The fraction of images that the candidate answers while it is ready, 0 to 1.</param>
/// <param name="Shadow">The fraction of the remaining images that the candidate classifies in the background while it is ready, 0 to 1.</param>
/// <param name="Reason">Why the candidate cannot be used and what to do about it; absent if it can be used.</param>
internal sealed record CandidateStatus(string Name, string Version, string State, double Share, double Shadow, string? Reason)
{
    /// <summary>The candidate is not in memory yet.</summary>
    public const string Loading = "loading";

    /// <summary>The candidate answers its share of the images.</summary>
    public const string Ready = "ready";

    /// <summary>The candidate cannot be used; the serving version answers every image.</summary>
    public const string Refused = "refused";

    /// <summary>The candidate has become the serving version.</summary>
    public const string Serving = "serving";

    /// <summary>Whether the candidate cannot be used.</summary>
    [JsonIgnore]
    public bool IsRefused => State == Refused;
}
