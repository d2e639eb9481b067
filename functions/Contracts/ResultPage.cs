using System.Text.Json;

namespace Lentigo.Functions.Contracts;

/// <summary>The response to <c>GET /api/results</c>: results, newest first.</summary>
/// <param name="Items">The results, at most fifty.</param>
/// <param name="Continuation">The value of the parameter <c>continuation</c> for the next page; absent if there are no older results.</param>
internal sealed record ResultPage(IReadOnlyList<ResultSummary> Items, string? Continuation);

/// <summary>A result in a list; <c>GET /api/results/{name}</c> returns the complete result.</summary>
/// <param name="Name">The image's name in the container <c>lesions</c>.</param>
/// <param name="Time">When the result was written.</param>
/// <param name="Status">The result's <see cref="LesionResult.Status"/>.</param>
/// <param name="Label">The most probable class, as in the result; absent if the image was not classified.</param>
/// <param name="Triage">The recommendation, as in the result; absent if the result has none.</param>
/// <param name="Problem">Why the image was not classified, as in the result.</param>
internal sealed record ResultSummary(string Name, DateTimeOffset Time, string Status, JsonElement? Label, JsonElement? Triage, JsonElement? Problem);
