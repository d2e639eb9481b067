namespace Lentigo.Functions.Contracts;

/// <summary>The body of <c>POST /api/results/{id}/feedback</c>.</summary>
/// <param name="Diagnosis">The confirmed class's code.</param>
/// <param name="Image">
/// The image's name in the container <c>lesions</c>, where the caller knows it: saves a search through the results. Here, not in the address: names may tell of
/// patients, and addresses are logged.
/// </param>
internal sealed record FeedbackRequest(string? Diagnosis, string? Image);

/// <summary>The answer to it.</summary>
/// <param name="Id">The id of the answer that the diagnosis belongs to.</param>
/// <param name="Diagnosis">The confirmed class's code.</param>
/// <param name="Time">When it was recorded.</param>
internal sealed record FeedbackReceipt(string Id, string Diagnosis, DateTimeOffset Time);
