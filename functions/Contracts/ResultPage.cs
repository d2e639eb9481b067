using System.Text.Json;

namespace Lentigo.Functions.Contracts;

/// <summary>The document of <c>GET /api/results</c>: results, newest first.</summary>
/// <param name="Items">The results, at most fifty.</param>
/// <param name="Continuation">What the parameter <c>continuation</c> of the next call must be; absent where there are no older results.</param>
internal sealed record ResultPage(IReadOnlyList<ResultSummary> Items, string? Continuation);

/// <summary>One result in a list: <c>GET /api/results/{name}</c> has all of it.</summary>
/// <param name="Name">The image's name in the container <c>lesions</c>.</param>
/// <param name="Time">When the result was written.</param>
/// <param name="Status">The result's <see cref="LesionResult.Status"/>.</param>
/// <param name="Label">The most probable class, as in the result; absent where the image was not classified.</param>
/// <param name="Triage">What to do, as in the result; absent where it has none.</param>
/// <param name="Problem">Why there is no classification, as in the result.</param>
internal sealed record ResultSummary(string Name, DateTimeOffset Time, string Status, JsonElement? Label, JsonElement? Triage, JsonElement? Problem);
