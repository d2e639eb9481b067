using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Reports;

namespace Lentigo.Training.Packaging;

/// <summary>A graph that a package is made around.</summary>
/// <param name="HasFeatures">Whether it gives features, from which suitability is fitted.</param>
/// <param name="HasIndex">Whether the package shall have the index of similar cases, which is made of them too.</param>
/// <param name="Export">Writes it to a path, with this temperature and suitability.</param>
/// <param name="Verify">Checks the finished file.</param>
/// <param name="Complete">Adds to the report what the package alone does not know.</param>
/// <param name="Check">Checks what the graph gives before anything is fitted to it; null for nothing.</param>
internal sealed record PackagedGraph(
    bool HasFeatures,
    bool HasIndex,
    Action<string, double, OnnxSuitability?> Export,
    Action<string> Verify,
    Func<ReportInput, ModelManifest, EnsembleAnswers, ReportInput> Complete,
    Action<EnsembleModel>? Check = null);
