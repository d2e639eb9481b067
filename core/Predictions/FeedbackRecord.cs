namespace Lentigo.Core.Predictions;

/// <summary>
/// A confirmed diagnosis together with the answer that preceded it: the document <c>feedback/{id}.json</c>. It contains everything that a prospective
/// validation needs, but neither the image nor its name.
/// </summary>
/// <param name="Id">The answer's id.</param>
/// <param name="Diagnosis">The confirmed class's code.</param>
/// <param name="Time">When the diagnosis was recorded.</param>
/// <param name="Answered">When the answer was given; null if unknown.</param>
/// <param name="Answer">The answer.</param>
public sealed record FeedbackRecord(string Id, string Diagnosis, DateTimeOffset Time, DateTimeOffset? Answered, Prediction Answer)
{
    /// <summary>The blob container of these documents.</summary>
    public const string Container = "feedback";
}
