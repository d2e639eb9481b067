namespace Lentigo.Functions.Contracts;

/// <summary>A published version of a model that callers may select: an element of <c>GET /api/models</c>.</summary>
/// <param name="Name">The model's name, as in the parameter <c>model</c>.</param>
/// <param name="Version">The version.</param>
/// <param name="Created">When the package was created.</param>
/// <param name="Serving">Whether this version currently answers requests for the model.</param>
/// <param name="Default">Whether this model answers requests that name no model.</param>
/// <param name="Candidate">The candidate's state if this version is the candidate; otherwise absent.</param>
/// <param name="Accuracy">Accuracy on the validation images; absent if the manifest does not state it.</param>
/// <param name="BalancedAccuracy">Balanced accuracy on the validation images; absent if the manifest does not state it.</param>
/// <param name="MacroAuc">Macro-averaged AUC on the validation images; absent if the manifest does not state it.</param>
internal sealed record ModelVersion(
    string Name, string Version, DateTimeOffset Created, bool Serving, bool Default, string? Candidate,
    double? Accuracy, double? BalancedAccuracy, double? MacroAuc);
