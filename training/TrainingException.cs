namespace Lentigo.Training;

/// <summary>The work cannot go on for a reason that the user can act on; the message says what happened and what to do.</summary>
internal sealed class TrainingException(string message, Exception? innerException = null) : Exception(message, innerException);
