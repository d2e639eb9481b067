namespace Lentigo.Functions.Contracts;

/// <summary>The body of <c>POST /api/results/{id}/feedback</c>.</summary>
/// <param name="Diagnosis">The confirmed class's code.</param>
internal sealed record FeedbackRequest(string? Diagnosis);

/// <summary>The answer to it.</summary>
/// <param name="Id">The id of the answer that the diagnosis belongs to.</param>
/// <param name="Diagnosis">The confirmed class's code.</param>
/// <param name="Time">When it was recorded.</param>
internal sealed record FeedbackReceipt(string Id, string Diagnosis, DateTimeOffset Time);
