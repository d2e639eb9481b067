namespace Lentigo.Functions.Local;

/// <summary>The app cannot be started on this machine. The message is a sentence that says why and what to do.</summary>
public sealed class LaunchException(string message, Exception? inner = null) : Exception(message, inner);
