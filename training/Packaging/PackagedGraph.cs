using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Reports;

namespace Lentigo.Training.Packaging;

/// <summary>The graph of a package to be written.</summary>
/// <param name="HasFeatures">Whether it outputs features, on which suitability is fitted.</param>
/// <param name="HasIndex">Whether to build the index of similar cases from the features.</param>
/// <param name="Export">Writes it to a path, with this temperature and suitability.</param>
/// <param name="Verify">Checks the finished file.</param>
/// <param name="Complete">Adds to the report what the package does not hold.</param>
/// <param name="Check">Checks the outputs of the graph before anything is fitted to them; null for no check.</param>
internal sealed record PackagedGraph(
    bool HasFeatures,
    bool HasIndex,
    Action<string, double, OnnxSuitability?> Export,
    Action<string> Verify,
    Func<ReportInput, ModelManifest, EnsembleAnswers, ReportInput> Complete,
    Action<EnsembleModel>? Check = null);
