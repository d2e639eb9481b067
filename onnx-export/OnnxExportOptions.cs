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

    /// <summary>
    /// Weights of 8 bits with a scale a channel, activations of 8 bits in ranges measured on calibration inputs (QDQ): about a quarter of the space, faster.
    /// The weights of layers that stay in float32 are stored as float16.
    /// </summary>
    Int8,
}

/// <summary>What every export can be told.</summary>
public abstract record OnnxOptions
{
    /// <summary>How weights are stored and the graph computes.</summary>
    public OnnxPrecision Precision { get; init; } = OnnxPrecision.Float32;

    /// <summary>The version of ONNX's operator set, 18 to 21. Newer ones add nothing that is used here but padding in a circle (19).</summary>
    public int Opset { get; init; } = 18;

    /// <summary>Keys and values that travel in the file.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>A sentence for people, in the file.</summary>
    public string? DocString { get; init; }

    /// <summary>How to write modules that are neither known nor <see cref="IOnnxExportable"/>, by their type.</summary>
    public IReadOnlyDictionary<Type, OnnxConverter> Converters { get; init; } = new Dictionary<Type, OnnxConverter>();

    /// <summary>Whether modules may share a parameter, of which the file then holds one copy each, or one for all.</summary>
    public bool AllowTiedWeights { get; init; }

    /// <summary>
    /// Whether <see cref="OnnxPrecision.Int8"/> keeps weights to 7 bits. x64 CPUs without VNNI (before Ice Lake and Zen 4) add products of 8 bits in 16, which can
    /// saturate; with 7 bits they cannot, and a file answers alike on every CPU. Turn it off for files that only meet CPUs with VNNI, Arm CPUs or GPUs.
    /// </summary>
    public bool ReducedRange { get; init; } = true;

    /// <exception cref="OnnxExportException">An option makes no sense.</exception>
    internal virtual void Check()
    {
        if (Opset is < 18 or > 21)
        {
            throw new OnnxExportException($"Operator set {Opset} is not one that this library writes. Set Opset to 18, 19, 20 or 21.");
        }

        if (!Enum.IsDefined(Precision))
        {
            throw new OnnxExportException($"There is no precision {Precision}.");
        }
    }
}

/// <summary>A network's graph.</summary>
public sealed record OnnxExportOptions : OnnxOptions
{
    /// <summary>The name of the graph's input.</summary>
    public string InputName { get; init; } = "input";

    /// <summary>The name of the graph's output.</summary>
    public string OutputName { get; init; } = "output";

    /// <summary>Whether the first dimension is the batch, of any length. If not, the graph takes tensors of the example's shape alone.</summary>
    public bool DynamicBatch { get; init; } = true;

    /// <summary>Inputs like the example on which <see cref="OnnxPrecision.Int8"/> measures the ranges of activations; a hundred or more.</summary>
    public Tensor? CalibrationInputs { get; init; }

    internal override void Check()
    {
        base.Check();
        if (InputName.Length == 0 || OutputName.Length == 0 || InputName == OutputName)
        {
            throw new OnnxExportException($"Input and output need two names, not '{InputName}' and '{OutputName}'.");
        }
    }
}

/// <summary>An ensemble's graph.</summary>
public sealed record OnnxEnsembleOptions : OnnxOptions
{
    /// <summary>The side s of the images in pixels.</summary>
    public required int InputSize { get; init; }

    /// <summary>The number of logits of each member.</summary>
    public required int Classes { get; init; }

    /// <summary>Over which flipped views of an image each member's logits are averaged: none, horizontal (2 views) or all (4).</summary>
    public string Flips { get; init; } = "none";

    /// <summary>What logits are divided by before the softmax.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>
    /// Whether the graph gives <c>features</c> and <c>stage_statistics</c>, by which images can be compared. Every member must be an
    /// <see cref="IOnnxStagedNetwork"/>.
    /// </summary>
    public bool Features { get; init; }

    /// <summary>How the graph computes <c>suitability</c> from them; null: not at all. Needs <see cref="Features"/>.</summary>
    public OnnxSuitability? Suitability { get; init; }

    /// <summary>
    /// Whether the graph can say where in an image it saw a class: it then has the input <c>explain</c>, which may be left out, and the output <c>heatmaps</c>.
    /// Every member must be an <see cref="IOnnxStagedNetwork"/>.
    /// </summary>
    public bool Explanation { get; init; }

    /// <summary>uint8 [n, s, s, 3]: images on which <see cref="OnnxPrecision.Int8"/> measures the ranges of activations; a hundred or more.</summary>
    public Tensor? CalibrationImages { get; init; }

    internal override void Check()
    {
        base.Check();
        if (InputSize < 1 || Classes < 1)
        {
            throw new OnnxExportException($"Images of {InputSize} px and {Classes} classes make no ensemble.");
        }

        if (!(Temperature > 0) || !double.IsFinite(Temperature))
        {
            throw new OnnxExportException($"The temperature {Temperature} is not a positive number.");
        }

        if (Suitability is not null && !Features)
        {
            throw new OnnxExportException("Suitability is computed from the features: set Features = true.");
        }
    }
}
