using System.Text.Json;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;

namespace Lentigo.Training.Packaging;

/// <summary>Makes a package of one member of an ensemble's package, such as one that is small enough for a phone.</summary>
internal static class MemberPackage
{
    /// <summary>The largest difference of logits between the two graphs, absolute and relative: sums are taken in another order.</summary>
    private const double Tolerance = 1e-4;

    /// <summary>
    /// Extracts one member of a package into a new package: the same weights, with temperature, suitability, operating points and report fitted for the member
    /// alone,
    /// and without similar cases.
    /// </summary>
    /// <param name="source">The ensemble's package.</param>
    /// <param name="member">The member's name.</param>
    /// <param name="data">The validated data set of the ensemble.</param>
    /// <param name="split">Its split.</param>
    /// <param name="folder">The folder of the new model's versions.</param>
    /// <param name="options">Name and license; the precision stays.</param>
    /// <returns>The package and its metrics.</returns>
    /// <exception cref="TrainingException">There is no such member, or the data set or split differs from that of the ensemble.</exception>
    /// <exception cref="OnnxExportException">The graph was not written by this product, or the extracted graph computes other logits.</exception>
    public static (ModelPackage Package, EvaluationReport Metrics) Write(
        ModelPackage source, string member, LesionDataSet data, DataSetSplit split, string folder, PackageOptions options)
    {
        ModelManifest ensemble = source.Manifest;
        int place = ensemble.Members.ToList().FindIndex(m => m.Name == member);
        string? fault = place < 0 ? $"it has no member {member}; its members are {string.Join(", ", ensemble.Members.Select(m => m.Name))}"
            : ensemble.Members.Count == 1 ? "it has one member already"
            : ensemble.Data is not { Folds: 1 } ? "its members were trained on several folds, so that none of them alone was validated on all images"
            : ensemble.Data.SplitFingerprint == split.Fingerprint ? null
            : ensemble.Data.Fingerprint != data.Fingerprint ? $"it was validated on another data set than {data.Name} as it is now"
            : "it was trained on another split";
        if (fault is not null)
        {
            throw new TrainingException(
                $"{member} cannot be extracted from {ensemble.Name} {ensemble.Version}: {fault}. Give the --data, --split and --fold of the training, and the "
                    + "name of a member.");
        }

        DateTimeOffset now = DateTimeOffset.UtcNow;
        string version = PackageFolder.VersionOf(now);
        ModelManifest manifest = ensemble with
        {
            Name = options.Name,
            Version = version,
            Created = now,
            Members = [ensemble.Members[place] with { Weight = 1 }],
            Files = new Dictionary<string, string>(),
            OperatingPoints = null,
            Suitability = null,
            Metrics = null,
            Thresholds = null,
            Data = ensemble.Data! with { Fingerprint = data.Fingerprint },
            Recipe = ensemble.Recipe is { ValueKind: JsonValueKind.Object } all && all.TryGetProperty(member, out JsonElement recipe) ? recipe
                : ensemble.Recipe,
            Licence = options.Licence ?? ensemble.Licence,
        };
        OnnxMemberOptions graph = new() { DocString = PackageFolder.DocStringOf(options.Name, version, [member]),
            Metadata = PackageFolder.MetadataOf(options.Name, version, [member]) };
        using EnsembleModel whole = EnsembleModel.Load(source, new() { Device = InferenceDevice.Cpu });
        return GraphPackage.Write(manifest, data, [split], folder, options, new(
            ensemble.Suitability is not null,
            false, // as large as the graph, and devices have no use for it
            (onnx, temperature, suitability) =>
                OnnxMember.Cut(source.OnnxPath, place, onnx, graph with { Temperature = temperature, Suitability = suitability }),
            _ => { },
            (report, _, _) => report,
            part => CheckSameLogits(whole, place, part, data, split.Val)));
    }

    /// <summary>Checks that the extracted network computes the logits that it has in the ensemble.</summary>
    private static void CheckSameLogits(EnsembleModel whole, int place, EnsembleModel part, LesionDataSet data, IReadOnlyList<int> images)
    {
        int[] some = [.. images.Take(ParityImages.Count)];
        byte[] pixels = [.. some.SelectMany(data.PixelsOf)];
        EnsembleOutput expected = whole.Classify(pixels, some.Length), given = part.Classify(pixels, some.Length);
        for (int i = 0; i < some.Length; i++)
        {
            float[] a = expected.MemberLogits(i, place).ToArray(), b = given.Logits(i).ToArray();
            if (a.Zip(b).Any(p => !(Math.Abs(p.First - p.Second) <= Tolerance + (Tolerance * Math.Abs(p.First)))))
            {
                throw new OnnxExportException(
                    $"The graph of {part.Manifest.Name} gives [{string.Join(", ", b)}] for an image for which its network gives [{string.Join(", ", a)}] in "
                        + $"{whole.Manifest.Name}. "
                    + "Please report this with both packages.");
            }
        }
    }
}
