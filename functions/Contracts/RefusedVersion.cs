namespace Lentigo.Functions.Contracts;

/// <summary>A published version of the model that the service refuses to load; an older version keeps serving.</summary>
/// <param name="Version">The published version.</param>
/// <param name="Reason">Why the version cannot be used and what to do about it.</param>
internal sealed record RefusedVersion(string Version, string Reason);
