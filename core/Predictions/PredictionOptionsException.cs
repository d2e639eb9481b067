namespace Lentigo.Core.Predictions;

/// <summary>The requested options are invalid or not supported by the model.</summary>
/// <param name="parameter">The invalid option of <see cref="PredictionOptions"/>, by its query parameter name.</param>
/// <param name="allowed">The allowed values, as the end of the sentence 'It must be ...'.</param>
public sealed class PredictionOptionsException(string parameter, string allowed)
    : Exception($"The parameter '{parameter}' cannot be used. It must be {allowed}.")
{
    /// <summary>The name of the invalid parameter.</summary>
    public string Parameter { get; } = parameter;

    /// <summary>The allowed values.</summary>
    public string Allowed { get; } = allowed;
}
