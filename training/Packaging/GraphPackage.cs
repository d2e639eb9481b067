using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;

namespace Lentigo.Training.Packaging;

/// <summary>Writes a package around a graph: fits temperature and suitability, then measures it.</summary>
internal static class GraphPackage
{
    /// <summary>Writes a new version and points <c>current.json</c> to it.</summary>
    /// <param name="manifest">What is known of the package before it is measured.</param>
    /// <param name="data">The data set.</param>
    /// <param name="splits">The split, or the folds of one cross-validation.</param>
    /// <param name="folder">The folder of the model's versions.</param>
    /// <param name="options">Whether images are embedded, and photographs for the robustness test.</param>
    /// <param name="graph">Exports and checks the graph.</param>
    public static (ModelPackage Package, EvaluationReport Metrics) Write(
        ModelManifest manifest, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, string folder, PackageOptions options, PackagedGraph graph) =>
        PackageFolder.Write(folder, manifest.Version, partial =>
        {
            string onnx = Path.Combine(partial, ModelManifest.OnnxFileName);

            // Temperature and suitability are fitted on the outputs of the exported graph, so it is exported twice.
            graph.Export(onnx, 1, null);
            PackageFolder.WriteManifest(partial, manifest with { Temperature = 1 });
            (double temperature, OnnxSuitability? suitability, EnsembleAnswers answers) = Fit(partial, data, splits, graph);
            graph.Export(onnx, temperature, suitability);
            graph.Verify(onnx);
            return PackageMeasurement.Write(partial, PackageFolder.WriteManifest(partial, manifest with { Temperature = temperature }), data, splits, options,
                graph.Complete, answers);
        });

    /// <summary>Fits the package, and returns the answers to the validation images that it will give.</summary>
    private static (double Temperature, OnnxSuitability? Suitability, EnsembleAnswers Answers) Fit(
        string folder, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, PackagedGraph graph)
    {
        int[] val = [.. splits.SelectMany(s => s.Val)];
        using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(folder), new() { Device = InferenceDevice.Cpu });
        graph.Check?.Invoke(model);
        ImageFeatures.Collector collected = new(data);
        EnsembleAnswers answers = EnsembleAnswers.Compute(model, data, val, folds: DataSetSplit.FoldsOf(splits),
            seen: graph.HasFeatures ? collected.Add : null);
        double temperature = Calibration.Temperature([.. val.Select(i => data.Records[i].Label)], answers.Logits);
        if (!graph.HasFeatures)
        {
            return (temperature, null, answers.With(temperature, suitability: null));
        }

        int[] trained = [.. splits.SelectMany(s => s.Train).Distinct()];
        ImageFeatures features = ImageFeatures.Compute(model, data, trained);
        if (graph.HasIndex)
        {
            features.WriteIndex(folder);
        }

        OnnxSuitability suitability = features.With(ImageFeatures.Compute(model, data, trained, vary: true)).FitSuitability();
        return (temperature, suitability, answers.With(temperature, collected.ToFeatures().SuitabilityBy(suitability)));
    }
}
