namespace Lentigo.Training.Data;

/// <summary>A data set cannot be read; the message says which file or image, what is wrong and what to do.</summary>
internal sealed class DataSetException(string message, Exception? innerException = null) : Exception(message, innerException);
