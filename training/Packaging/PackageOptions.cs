using Lentigo.OnnxExport;
using Lentigo.Training.Data;

namespace Lentigo.Training.Packaging;

/// <summary>Options for writing a package.</summary>
internal sealed record PackageOptions
{
    /// <summary>The model's name in its manifest.</summary>
    public required string Name { get; init; }

    /// <summary>How the weights are stored.</summary>
    public OnnxPrecision Precision { get; init; } = OnnxPrecision.Float32;

    /// <summary>The license of the weights; null where it is not stated.</summary>
    public string? Licence { get; init; }

    /// <summary>Whether the report shows the images that the ensemble got most wrong; their license must permit copying them.</summary>
    public bool EmbedImages { get; init; }

    /// <summary>Photographs in their original size for the robustness section of the report; empty for none.</summary>
    public IReadOnlyList<ImageFile> Photographs { get; init; } = [];
}
