namespace Lentigo.Functions.Contracts;

/// <summary>The response to <c>GET /api/status</c>: the service's progress on the images in the container <c>lesions</c>.</summary>
/// <param name="Waiting">The number of images whose current version has no result.</param>
/// <param name="OldestWaiting">When the oldest waiting image was uploaded; absent if no image is waiting.</param>
/// <param name="Classified">The number of results with the status <see cref="LesionResult.Classified"/>.</param>
/// <param name="Rejected">The number of results with the status <see cref="LesionResult.Rejected"/>.</param>
/// <param name="Failed">The number of results with the status <see cref="LesionResult.Failed"/>.</param>
/// <param name="Complete">Whether all blobs were counted. If there are more than the service examines, the counts cover the first ones by name.</param>
/// <param name="Time">When the counts were taken.</param>
internal sealed record ServiceStatus(long Waiting, DateTimeOffset? OldestWaiting, long Classified, long Rejected, long Failed, bool Complete, DateTimeOffset Time);
