using Lentigo.Core;
using Lentigo.Core.Models;

namespace Lentigo.Functions.Contracts;

/// <summary>All that a device keeps to classify without a network: <c>GET /assets/offline.json</c>.</summary>
/// <param name="Version">Changes when anything below does.</param>
/// <param name="Documents">The page's documents, by language.</param>
/// <param name="Files">The other files.</param>
/// <param name="Model">The model that answers on the device.</param>
internal sealed record OfflineApp(string Version, IReadOnlyDictionary<string, OfflineFile> Documents, IReadOnlyList<OfflineFile> Files, OfflineModel Model);

/// <summary>A file to keep.</summary>
/// <param name="Path">Its address below the page's.</param>
/// <param name="Bytes">What is downloaded of it at most, in bytes.</param>
/// <param name="Sha256">SHA-256 of what it is once it has arrived, lower-case hex.</param>
internal sealed record OfflineFile(string Path, long Bytes, string Sha256);

/// <summary>What a device must know of its model beside the graph, with the service's own settings for the prior and for unsuitable images.</summary>
internal sealed record OfflineModel
{
    /// <summary>The model's name.</summary>
    public required string Name { get; init; }

    /// <summary>The package's version.</summary>
    public required string Version { get; init; }

    /// <summary>The address of its graph below the page's.</summary>
    public required string Path { get; init; }

    /// <summary>The classes in the order of the graph's outputs.</summary>
    public required IReadOnlyList<LesionClass> Classes { get; init; }

    /// <summary>The members in the order of the graph's output <c>member_logits</c>.</summary>
    public required IReadOnlyList<string> Members { get; init; }

    /// <summary>The side of the square that the graph sees, in pixels.</summary>
    public required int Size { get; init; }

    /// <summary>T of probabilities = softmax(logits / T).</summary>
    public required double Temperature { get; init; }

    /// <summary>[7]: the prior that the graph's probabilities are for.</summary>
    public required IReadOnlyList<double> NaturalPrior { get; init; }

    /// <summary>[7]: the prior of the answers.</summary>
    public required IReadOnlyList<double> Prior { get; init; }

    /// <summary>From which probability of malignancy on a lesion is referred.</summary>
    public required OperatingPoint Malignant { get; init; }

    /// <summary>From which probability of melanoma on a lesion is referred.</summary>
    public required OperatingPoint Melanoma { get; init; }

    /// <summary>The coverage of prediction sets.</summary>
    public required double Coverage { get; init; }

    /// <summary>[7]: from which probability on a class is in the prediction set.</summary>
    public required IReadOnlyList<double> SetLimits { get; init; }

    /// <summary>When an image is no dermoscopy image.</summary>
    public required ModelSuitability Suitability { get; init; }

    /// <summary>Whether such an image is answered all the same, with a warning.</summary>
    public required bool AnswerUnsuitable { get; init; }

    /// <summary>What an image must have for a lesion to be seen on it.</summary>
    public required ModelQuality Quality { get; init; }
}
