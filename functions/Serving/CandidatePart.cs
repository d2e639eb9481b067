namespace Lentigo.Functions.Serving;

/// <summary>The candidate's role for an image.</summary>
internal enum CandidatePart
{
    /// <summary>None.</summary>
    None,

    /// <summary>The candidate answers instead of the serving version (canary).</summary>
    Answers,

    /// <summary>The candidate classifies the image in the background after the serving version has answered (shadow).</summary>
    Shadows,
}
