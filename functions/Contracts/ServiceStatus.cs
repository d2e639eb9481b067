namespace Lentigo.Functions.Contracts;

/// <summary>The document of <c>GET /api/status</c>: how far the service is with the images of the container <c>lesions</c>.</summary>
/// <param name="Waiting">Images without a result of their present version.</param>
/// <param name="OldestWaiting">When the first of them was uploaded; absent where none waits.</param>
/// <param name="Classified">Results with the status <see cref="LesionResult.Classified"/>.</param>
/// <param name="Rejected">Results with the status <see cref="LesionResult.Rejected"/>.</param>
/// <param name="Failed">Results with the status <see cref="LesionResult.Failed"/>.</param>
/// <param name="Complete">Whether all blobs were counted. Where there are more than the service looks at, the counts are of the first by name.</param>
/// <param name="Time">When they were counted.</param>
internal sealed record ServiceStatus(long Waiting, DateTimeOffset? OldestWaiting, long Classified, long Rejected, long Failed, bool Complete, DateTimeOffset Time);
