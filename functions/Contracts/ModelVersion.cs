namespace Lentigo.Functions.Contracts;

/// <summary>A published version of the model that serves: an element of <c>GET /api/models</c>.</summary>
/// <param name="Version">The version.</param>
/// <param name="Created">When its package was written.</param>
/// <param name="Serving">Whether this is the version that answers now.</param>
/// <param name="Accuracy">Its accuracy on its validation images; absent where its manifest does not say.</param>
/// <param name="BalancedAccuracy">Its balanced accuracy on them; absent where its manifest does not say.</param>
/// <param name="MacroAuc">Its macro AUC on them; absent where its manifest does not say.</param>
internal sealed record ModelVersion(string Version, DateTimeOffset Created, bool Serving, double? Accuracy, double? BalancedAccuracy, double? MacroAuc);
