using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Functions.Contracts;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Serving;

/// <summary>The model that phones and other devices store in order to classify offline: the package in the app's folder <c>device-model</c>.</summary>
public sealed partial class DeviceModel
{
    /// <summary>The graph's URL relative to the page.</summary>
    internal const string GraphPath = "assets/device-model.onnx";

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "device-model");
    private readonly Lazy<(ModelPackage Package, OfflineModel Model)?> read;

    /// <summary>Reads the package on first use. If it cannot be used, this is logged once and devices are offered no model.</summary>
    public DeviceModel(ServingOptions options, ILogger<DeviceModel> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        read = new(() =>
        {
            try
            {
                ModelPackage package = ModelPackage.Open(Folder);
                return (package, Describe(package, options));
            }
            catch (ModelPackageException e)
            {
                LogUnusable(logger, e.Message);
                return null;
            }
        });
    }

    /// <summary>What a device needs to know about the model; null if there is none.</summary>
    internal OfflineModel? Description => read.Value?.Model;

    /// <summary>The path and the SHA-256 of the graph's file; null if there is no model.</summary>
    internal (string Path, string Sha256)? Graph => read.Value is { } r ? (r.Package.OnnxPath, r.Package.Manifest.Files[ModelManifest.OnnxFileName]) : null;

    /// <summary>The decision rule is fitted here, by the same code that the service uses; devices only apply it.</summary>
    private static OfflineModel Describe(ModelPackage package, ServingOptions options)
    {
        ModelManifest manifest = package.Manifest;
        DecisionRequest decision = options.Defaults.Decision;
        IReadOnlyList<double>? prior = manifest.Prior is { } natural ? ClassPrior.Parse(decision.Prior, natural) : null;
        DecisionRule? rule = prior is not null && ValidationAnswers.Read(package) is { } answers
            ? DecisionRule.Fit(answers, manifest.Prior!, prior, decision.Sensitivity, decision.Coverage)
            : null;
        return rule is null || manifest.Suitability is null || manifest.Quality is null
            ? throw new ModelPackageException($"The package {manifest.Name} {manifest.Version} lacks a prior, validation answers, a suitability model or quality limits, "
                + "without which a device cannot make a recommendation. Create it with 'export --model --member'.")
            : new()
            {
                Name = manifest.Name,
                Version = manifest.Version,
                Path = GraphPath,
                Classes = LesionClasses.All,
                Members = [.. manifest.Members.Select(m => m.Name)],
                Size = manifest.Input.Size,
                Temperature = manifest.Temperature,
                NaturalPrior = manifest.Prior!,
                Prior = prior!,
                Malignant = rule.Malignant,
                Melanoma = rule.Melanoma,
                Coverage = rule.Coverage,
                SetLimits = rule.SetLimits,
                Suitability = manifest.Suitability,
                AnswerUnsuitable = options.Defaults.AnswerUnsuitable,
                Quality = manifest.Quality,
            };
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Devices are offered no model for offline use: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string reason);
}
