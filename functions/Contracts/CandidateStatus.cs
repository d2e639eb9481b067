using System.Text.Json.Serialization;

namespace Lentigo.Functions.Contracts;

/// <summary>The version that the setting <c>Lentigo__Candidate</c> tries beside the one that serves.</summary>
/// <param name="Name">The model's name.</param>
/// <param name="Version">The version.</param>
/// <param name="State">
/// <see cref="Loading"/>, <see cref="Ready"/>, <see cref="Refused"/>, or <see cref="Serving"/> where it is the published version itself, so that
/// there is nothing to try.
/// </param>
/// <param name="Share">The share of the images that it answers while it is ready, 0 to 1.</param>
/// <param name="Shadow">The share of the other images that it classifies in the background while it is ready, 0 to 1.</param>
/// <param name="Reason">Why it cannot be used, and what to do; absent where it can.</param>
internal sealed record CandidateStatus(string Name, string Version, string State, double Share, double Shadow, string? Reason)
{
    /// <summary>It is not in memory yet.</summary>
    public const string Loading = "loading";

    /// <summary>It answers its share.</summary>
    public const string Ready = "ready";

    /// <summary>It cannot be used; the version that serves answers every image.</summary>
    public const string Refused = "refused";

    /// <summary>It has become the version that serves.</summary>
    public const string Serving = "serving";

    /// <summary>Whether it cannot be used.</summary>
    [JsonIgnore]
    public bool IsRefused => State == Refused;
}
