using Lentigo.OnnxExport;
using Lentigo.Training.Data;

namespace Lentigo.Training.Packaging;

/// <summary>How a package is written.</summary>
internal sealed record PackageOptions
{
    /// <summary>The model's name in its manifest.</summary>
    public required string Name { get; init; }

    /// <summary>How the weights are stored.</summary>
    public OnnxPrecision Precision { get; init; } = OnnxPrecision.Float32;

    /// <summary>The licence of the weights, or null where it is not stated.</summary>
    public string? Licence { get; init; }

    /// <summary>Whether the report shows the images that the ensemble got most wrong; their licence must allow to copy them.</summary>
    public bool EmbedImages { get; init; }

    /// <summary>Photographs in their original size, on changed copies of which the report shows how far answers move; empty for none.</summary>
    public IReadOnlyList<ImageFile> Photographs { get; init; } = [];
}
