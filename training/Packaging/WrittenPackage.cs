using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;

namespace Lentigo.Training.Packaging;

/// <summary>A package that was written.</summary>
/// <param name="Package">The package, its hashes checked.</param>
/// <param name="Parity">The largest differences between ONNX Runtime and TorchSharp.</param>
/// <param name="Metrics">The metrics on the validation images.</param>
internal sealed record WrittenPackage(ModelPackage Package, OnnxVerification Parity, EvaluationReport Metrics);
