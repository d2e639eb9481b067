namespace Lentigo.Functions.Serving;

/// <summary>What a candidate does with an image.</summary>
internal enum CandidatePart
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>It answers in place of the version that serves: the canary share.</summary>
    Answers,

    /// <summary>It classifies the image in the background, after the version that serves has answered.</summary>
    Shadows,
}
