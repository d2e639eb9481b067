namespace Lentigo.Functions.Local.Development;

/// <summary>The machine lacks what local development needs. The message says what and how to get it.</summary>
public sealed class LocalSetupException(string message, Exception? inner = null) : Exception(message, inner);
