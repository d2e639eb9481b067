namespace Lentigo.Functions.Contracts;

/// <summary>A published version of the model that the service refuses to load, so that an older one serves on.</summary>
/// <param name="Version">The version that was published.</param>
/// <param name="Reason">Why it cannot be used, and what to do.</param>
internal sealed record RefusedVersion(string Version, string Reason);
