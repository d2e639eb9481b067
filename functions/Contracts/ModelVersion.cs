namespace Lentigo.Functions.Contracts;

/// <summary>A published version of a model that may be asked for: an element of <c>GET /api/models</c>.</summary>
/// <param name="Name">The model's name, which the parameter <c>model</c> asks for.</param>
/// <param name="Version">The version.</param>
/// <param name="Created">When its package was written.</param>
/// <param name="Serving">Whether this is the version that answers who asks for the model now.</param>
/// <param name="Default">Whether the model answers where none is asked for.</param>
/// <param name="Candidate">The state of the candidate where this is the version that is tried beside the one that serves; absent for the others.</param>
/// <param name="Accuracy">Its accuracy on its validation images; absent where its manifest does not say.</param>
/// <param name="BalancedAccuracy">Its balanced accuracy on them; absent where its manifest does not say.</param>
/// <param name="MacroAuc">Its macro AUC on them; absent where its manifest does not say.</param>
internal sealed record ModelVersion(
    string Name, string Version, DateTimeOffset Created, bool Serving, bool Default, string? Candidate,
    double? Accuracy, double? BalancedAccuracy, double? MacroAuc);
