namespace Lentigo.Training.Data;

/// <summary>A data set cannot be used. The message names the file or image, the problem and the remedy.</summary>
internal sealed class DataSetException(string message, Exception? innerException = null) : Exception(message, innerException);
