namespace Lentigo.Core.Predictions;

/// <summary>
/// A diagnosis that was confirmed after an answer, and that answer: the document <c>feedback/{id}.json</c>. It holds all that a prospective validation needs
/// and
/// neither the image nor its name.
/// </summary>
/// <param name="Id">The answer's id.</param>
/// <param name="Diagnosis">The confirmed class's code.</param>
/// <param name="Time">When the diagnosis was recorded.</param>
/// <param name="Answered">When the answer was given; null where that is not known.</param>
/// <param name="Answer">The answer.</param>
public sealed record FeedbackRecord(string Id, string Diagnosis, DateTimeOffset Time, DateTimeOffset? Answered, Prediction Answer)
{
    /// <summary>The container of these documents.</summary>
    public const string Container = "feedback";
}
