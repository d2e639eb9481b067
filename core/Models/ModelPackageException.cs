namespace Lentigo.Core.Models;

/// <summary>A model package is missing, incomplete, corrupt or not supported by this version. The message states the fault and what to do.</summary>
public sealed class ModelPackageException(string message, Exception? inner = null) : Exception(message, inner);
