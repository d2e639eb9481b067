using Lentigo.Core;
using Lentigo.Core.Models;

namespace Lentigo.Functions.Contracts;

/// <summary>Everything that a device stores in order to classify offline: <c>GET /assets/offline.json</c>.</summary>
/// <param name="Version">Changes whenever any of the other members changes.</param>
/// <param name="Documents">The page's HTML documents by language.</param>
/// <param name="Files">All other files.</param>
/// <param name="Model">The model that runs on the device.</param>
internal sealed record OfflineApp(string Version, IReadOnlyDictionary<string, OfflineFile> Documents, IReadOnlyList<OfflineFile> Files, OfflineModel Model);

/// <summary>A file to store on the device.</summary>
/// <param name="Path">The file's URL relative to the page.</param>
/// <param name="Bytes">The maximum download size in bytes.</param>
/// <param name="Sha256">SHA-256 of the file's decoded content, as lowercase hexadecimal digits.</param>
internal sealed record OfflineFile(string Path, long Bytes, string Sha256);

/// <summary>
/// What a device needs to know about its model besides the graph, including the service's settings for the prior and for unsuitable images.
/// </summary>
internal sealed record OfflineModel
{
    /// <summary>The model's name.</summary>
    public required string Name { get; init; }

    /// <summary>The package's version.</summary>
    public required string Version { get; init; }

    /// <summary>The graph's URL relative to the page.</summary>
    public required string Path { get; init; }

    /// <summary>The classes, in the order of the graph's outputs.</summary>
    public required IReadOnlyList<LesionClass> Classes { get; init; }

    /// <summary>The ensemble members, in the order of the graph's output <c>member_logits</c>.</summary>
    public required IReadOnlyList<string> Members { get; init; }

    /// <summary>The side length of the graph's square input, in pixels.</summary>
    public required int Size { get; init; }

    /// <summary>The temperature T: probabilities = softmax(logits / T).</summary>
    public required double Temperature { get; init; }

    /// <summary>[7]: the class prior that the graph's probabilities assume.</summary>
    public required IReadOnlyList<double> NaturalPrior { get; init; }

    /// <summary>[7]: the class prior of the reported probabilities.</summary>
    public required IReadOnlyList<double> Prior { get; init; }

    /// <summary>The operating point for referral: the threshold on the probability of malignancy.</summary>
    public required OperatingPoint Malignant { get; init; }

    /// <summary>The operating point for referral: the threshold on the probability of melanoma.</summary>
    public required OperatingPoint Melanoma { get; init; }

    /// <summary>The coverage of the prediction sets.</summary>
    public required double Coverage { get; init; }

    /// <summary>[7]: the minimum probability at which each class is included in the prediction set.</summary>
    public required IReadOnlyList<double> SetLimits { get; init; }

    /// <summary>The criterion by which an image is judged not to be a dermoscopy image.</summary>
    public required ModelSuitability Suitability { get; init; }

    /// <summary>Whether such an image is still classified, with a warning.</summary>
    public required bool AnswerUnsuitable { get; init; }

    /// <summary>The minimum image quality at which a lesion can be assessed.</summary>
    public required ModelQuality Quality { get; init; }
}
