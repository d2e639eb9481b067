namespace Lentigo.Training.Weights;

/// <summary>A weights file cannot be used; the message says which file, what is wrong with it and what to do.</summary>
internal sealed class WeightsFileException : Exception
{
    /// <summary>Makes the exception with a sentence for the user.</summary>
    public WeightsFileException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
