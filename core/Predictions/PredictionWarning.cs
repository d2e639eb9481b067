using System.Globalization;
using Lentigo.Core.Imaging;
using Lentigo.Core.Models;

namespace Lentigo.Core.Predictions;

/// <summary>A reason to doubt an answer.</summary>
/// <param name="Code">A stable code, one of this class's constants.</param>
/// <param name="Message">A human-readable message: what was found and what to do.</param>
public sealed record PredictionWarning(string Code, string Message)
{
    /// <summary>The image is unlike the dermoscopy images that the model was trained on.</summary>
    public const string NotDermoscopy = "not-dermoscopy";

    /// <summary>The image is out of focus, or was enlarged.</summary>
    public const string Blurred = "blurred";

    /// <summary>The image has too few pixels.</summary>
    public const string Small = "small";

    /// <summary>The image is underexposed.</summary>
    public const string Dark = "dark";

    /// <summary>The image is overexposed.</summary>
    public const string Bright = "bright";

    /// <summary>The networks prefer different classes.</summary>
    public const string MembersDisagree = "members-disagree";

    /// <summary>The model's package has no validation predictions, so there is no recommendation.</summary>
    public const string NoTriage = "no-triage";

    /// <summary>The warnings about an image.</summary>
    /// <param name="suitability">The suitability score of the image; null if the model has none.</param>
    /// <param name="quality">The quality of the image.</param>
    /// <param name="limits">The model's quality limits; null if it has none.</param>
    public static IEnumerable<PredictionWarning> OfImage(SuitabilityScore? suitability, ImageQuality quality, ModelQuality? limits)
    {
        ArgumentNullException.ThrowIfNull(quality);
        if (suitability is { } score && score.Score < score.WarnBelow)
        {
            yield return new(NotDermoscopy,
                "This does not look like a dermoscopy image of a skin lesion. Do not rely on the answer; take the picture through a dermatoscope, with the "
                + "lesion in the middle.");
        }

        if (limits is null)
        {
            yield break;
        }

        if (quality.ShorterSide < limits.ShorterSide)
        {
            yield return new(Small, string.Create(CultureInfo.InvariantCulture,
                $"The image is only {quality.ShorterSide} pixels on its shorter side; the model needs {limits.ShorterSide}. Send the original photograph."));
        }

        if (quality.Sharpness < limits.Sharpness)
        {
            yield return new(Blurred, "The image is blurred. Take it again in focus.");
        }

        if (quality.Brightness < limits.Darkest)
        {
            yield return new(Dark, "The image is very dark. Take it again with more light.");
        }

        if (quality.Brightness > limits.Brightest)
        {
            yield return new(Bright, "The image is very bright. Take it again with less light.");
        }
    }

    /// <summary>The warnings about the members' answers.</summary>
    /// <param name="members">The members' answers.</param>
    public static IEnumerable<PredictionWarning> OfMembers(IReadOnlyList<MemberPrediction> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        if (members.Select(m => m.Probabilities[0].Code).Distinct().Count() > 1)
        {
            yield return new(MembersDisagree,
                $"The networks disagree: {string.Join("; ", members.Select(m => $"{m.Name} prefers {m.Probabilities[0].Name.ToLowerInvariant()}"))}.");
        }
    }

    /// <summary>The warning that the model cannot give a recommendation.</summary>
    public static PredictionWarning Undecided(ModelManifest manifest)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        return new(NoTriage, $"The model {manifest.Name} {manifest.Version} was packaged without the validation predictions that a recommendation needs. "
            + "Judge by the probabilities, and never by the first class alone.");
    }
}
