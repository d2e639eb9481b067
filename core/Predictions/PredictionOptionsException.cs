namespace Lentigo.Core.Predictions;

/// <summary>An answer cannot be given as it was asked for.</summary>
/// <param name="parameter">What of <see cref="PredictionOptions"/> is wrong, as it is called in a query.</param>
/// <param name="allowed">What it may be, as the end of the sentence 'It must be ...'.</param>
public sealed class PredictionOptionsException(string parameter, string allowed)
    : Exception($"The parameter '{parameter}' cannot be used. It must be {allowed}.")
{
    /// <summary>What is wrong.</summary>
    public string Parameter { get; } = parameter;

    /// <summary>What it may be.</summary>
    public string Allowed { get; } = allowed;
}
