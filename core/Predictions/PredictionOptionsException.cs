namespace Lentigo.Core.Predictions;

/// <summary>An answer cannot be given as it was asked for. The message says why and what to ask instead.</summary>
public sealed class PredictionOptionsException(string message) : Exception(message);
