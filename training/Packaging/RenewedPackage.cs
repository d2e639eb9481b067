using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Reports;

namespace Lentigo.Training.Packaging;

/// <summary>Writes a new version of a package with the same networks.</summary>
internal static class RenewedPackage
{
    /// <summary>
    /// Writes a new version of a package with the same networks, and with suitability, limits, operating points and report computed by this version of the
    /// program.
    /// </summary>
    /// <param name="package">The package.</param>
    /// <param name="data">The data set that it was trained on.</param>
    /// <param name="splits">Its split, or the folds of one cross-validation.</param>
    /// <param name="more">Further labeled dermoscopy images to accept as suitable, decoded to the input size of the package.</param>
    /// <param name="folder">The folder of the model's versions.</param>
    /// <param name="options">License, photographs and whether images are embedded; name and precision stay.</param>
    /// <exception cref="OnnxExportException">The graph has no suitability in the format of this version.</exception>
    public static (ModelPackage Package, EvaluationReport Metrics) Write(
        ModelPackage package, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, IReadOnlyList<LesionDataSet> more, string folder, PackageOptions options)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        string version = PackageFolder.VersionOf(now);
        return PackageFolder.Write(folder, version, partial =>
        {
            ModelManifest manifest = package.Manifest with
            {
                Version = version,
                Created = now,
                Data = package.Manifest.Data! with { Fingerprint = data.Fingerprint },
                Licence = options.Licence ?? package.Manifest.Licence,
            };
            string onnx = Path.Combine(partial, ModelManifest.OnnxFileName);
            File.Copy(package.OnnxPath, onnx);
            OnnxSuitability suitability;
            using (EnsembleModel model = EnsembleModel.Load(package, new() { Device = InferenceDevice.Cpu }))
            {
                int[] trained = [.. splits.SelectMany(s => s.Train).Distinct()];
                ImageFeatures features = ImageFeatures.Compute(model, data, trained);
                if (package.Manifest.Files.ContainsKey(SimilarCases.FeaturesFile))
                {
                    features.WriteIndex(partial);
                }

                features = features.With(ImageFeatures.Compute(model, data, trained, vary: true));
                foreach (LesionDataSet set in more)
                {
                    int[] all = [.. Enumerable.Range(0, set.Count).Where(i => set.Records[i].Label >= 0)];
                    features = features.With(ImageFeatures.Compute(model, set, all)).With(ImageFeatures.Compute(model, set, all, vary: true));
                }

                suitability = features.FitSuitability();
            }

            suitability.WriteInto(onnx, new Dictionary<string, string> { ["version"] = version });
            manifest = PackageFolder.WriteManifest(partial, manifest);
            using (EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(partial), new() { Device = InferenceDevice.Cpu }))
            {
                int[] some = [.. splits.SelectMany(s => s.Val).Take(ParityImages.Count)];
                double[] expected = ImageFeatures.Compute(model, data, some).SuitabilityBy(suitability),
                    given = EnsembleAnswers.Compute(model, data, some).Suitability!;
                double difference = expected.Zip(given, (a, b) => Math.Abs(a - b)).Max();
                if (difference > OnnxSuitability.Tolerance)
                {
                    throw new OnnxExportException($"The graph's suitability is {difference} from the fitted one: the package was not written.");
                }
            }

            ReportDocument? before = Report.ReadOrNull(package.Folder);
            return PackageMeasurement.Write(partial, manifest, data, splits, options, (report, _, _) => report with
            {
                Members = [.. report.Members.Select(m => before?.LearningCurves.TryGetValue(m.Name, out IReadOnlyList<LearningCurvePoint>? curve) == true
                    ? m with { LearningCurve = curve } : m)],
                TrainingTime = before?.TrainingSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                Hardware = before?.Hardware,
                Robustness = report.Robustness ?? before?.Robustness,
            });
        });
    }
}
