namespace Lentigo.Functions.Local;

/// <summary>The app cannot be started on this machine. The message states the reason and what to do.</summary>
public sealed class LaunchException(string message, Exception? inner = null) : Exception(message, inner);
