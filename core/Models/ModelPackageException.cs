namespace Lentigo.Core.Models;

/// <summary>A model package is missing, incomplete or corrupt, or of a kind that this version cannot run. The message says which and what to do.</summary>
public sealed class ModelPackageException(string message, Exception? inner = null) : Exception(message, inner);
