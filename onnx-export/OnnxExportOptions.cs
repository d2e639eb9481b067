using System.Diagnostics.CodeAnalysis;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>How weights are stored, and how a graph computes.</summary>
[SuppressMessage("Naming", "CA1720", Justification = "The types of weights are the subject.")]
public enum OnnxPrecision
{
    /// <summary>Everything in float32.</summary>
    Float32,

    /// <summary>Weights stored as float16 in half the space; a runtime widens them on loading and computes in float32, as fast as ever.</summary>
    Float16,

    /// <summary>Weights of 8 bits a channel, activations of 8 bits in ranges measured on calibration images (QDQ): a quarter of the space, faster.</summary>
    Int8,
}

/// <summary>What is exported, and how.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>How to write modules that are neither known nor <see cref="IOnnxExportable"/>, by their type.</summary>
    public IReadOnlyDictionary<Type, OnnxConverter> Converters { get; init; } = new Dictionary<Type, OnnxConverter>();
}

/// <summary>An ensemble's graph.</summary>
public sealed record OnnxEnsembleOptions
{
    /// <summary>The side s of the images in pixels.</summary>
    public required int InputSize { get; init; }

    /// <summary>The number of logits of each member.</summary>
    public required int Classes { get; init; }

    /// <summary>Over which flipped views of an image each member's logits are averaged: none, horizontal (2 views) or all (4).</summary>
    public string Flips { get; init; } = "none";

    /// <summary>What logits are divided by before the softmax.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>How weights are stored and the graph computes.</summary>
    public OnnxPrecision Precision { get; init; } = OnnxPrecision.Float32;

    /// <summary>Keys and values that travel in the file.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>A sentence for people, in the file.</summary>
    public string? DocString { get; init; }

    /// <summary>uint8 [n, s, s, 3]: images on which <see cref="OnnxPrecision.Int8"/> measures the ranges of activations.</summary>
    public Tensor? CalibrationImages { get; init; }

    /// <summary>The version of ONNX's operator set, 18 to 21.</summary>
    public int Opset { get; init; } = 18;

    /// <summary>How to write modules that are neither known nor <see cref="IOnnxExportable"/>, by their type.</summary>
    public IReadOnlyDictionary<Type, OnnxConverter> Converters { get; init; } = new Dictionary<Type, OnnxConverter>();
}
