namespace Lentigo.Functions.Contracts;

/// <summary>The body of <c>POST /api/results/{id}/feedback</c>.</summary>
/// <param name="Diagnosis">The code of the confirmed class.</param>
/// <param name="Image">
/// The image's name in the container <c>lesions</c>, if the caller knows it; it saves a lookup. It is part of the body rather than the URL because names may
/// identify patients and URLs are logged.
/// </param>
internal sealed record FeedbackRequest(string? Diagnosis, string? Image);

/// <summary>The response to <c>POST /api/results/{id}/feedback</c>.</summary>
/// <param name="Id">The id of the answer that the diagnosis was recorded for.</param>
/// <param name="Diagnosis">The code of the confirmed class.</param>
/// <param name="Time">When the diagnosis was recorded.</param>
internal sealed record FeedbackReceipt(string Id, string Diagnosis, DateTimeOffset Time);
