using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Recipes;
using Lentigo.Training.Reports;
using Lentigo.Training.Trainers;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Packaging;

/// <summary>How a package is written.</summary>
internal sealed record PackageOptions
{
    /// <summary>The model's name in its manifest.</summary>
    public required string Name { get; init; }

    /// <summary>How the weights are stored.</summary>
    public OnnxPrecision Precision { get; init; } = OnnxPrecision.Float32;

    /// <summary>The licence of the weights, or null where it is not stated.</summary>
    public string? Licence { get; init; }

    /// <summary>Whether the report shows the images that the ensemble got most wrong; their licence must allow to copy them.</summary>
    public bool EmbedImages { get; init; }

    /// <summary>Photographs in their original size, on changed copies of which the report shows how far answers move; empty for none.</summary>
    public IReadOnlyList<ImageFile> Photographs { get; init; } = [];
}

/// <summary>A package that was written.</summary>
/// <param name="Package">The package, its hashes checked.</param>
/// <param name="Parity">The largest differences between ONNX Runtime and TorchSharp.</param>
/// <param name="Metrics">The metrics on the validation images.</param>
internal sealed record WrittenPackage(ModelPackage Package, OnnxVerification Parity, EvaluationReport Metrics);

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

/// <summary>Makes a model package of trained members: one ONNX graph, calibrated and checked, its report and its manifest.</summary>
internal static class EnsemblePackage
{
    private const int ParityImages = 8, CalibrationImages = 256;

    /// <summary>What the logits of one network may differ by in two graphs: the order of sums.</summary>
    private const double CutTolerance = 1e-4;

    private const string ThresholdClass = "mel";

    /// <summary>The share of validation images that get a warning.</summary>
    private const double UnusualShare = 0.05;

    /// <summary>The share of validation images that would be refused.</summary>
    private const double UnsuitableShare = 0.005;

    /// <summary>
    /// Exports the ensemble, fits its temperature on the validation images' logits, checks ONNX Runtime against TorchSharp on random and real
    /// images, measures it through the code that serves, and writes <c>{folder}/{version}/</c> whole, then the pointer <c>{folder}/current.json</c>.
    /// </summary>
    /// <param name="members">The members, trained on one data set at one input size.</param>
    /// <param name="data">That data set.</param>
    /// <param name="splits">
    /// The split that all members were trained on, or the folds of one cross-validation with members of each: then every image is validated on, answered by
    /// the members of its fold, which were not trained on it.
    /// </param>
    /// <param name="folder">The folder of the model's versions.</param>
    /// <param name="options">Name, precision, licence.</param>
    /// <exception cref="TrainingException">The members do not belong together, or to this data set or split.</exception>
    /// <exception cref="OnnxExportException">The graph computes something else than the networks.</exception>
    public static WrittenPackage Write(IReadOnlyList<TrainedMember> members, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, string folder, PackageOptions options)
    {
        members = TrainedMember.Together(members, data, splits);
        int[] val = [.. splits.SelectMany(s => s.Val)];
        using DisposeScope scope = NewDisposeScope();
        DateTimeOffset now = DateTimeOffset.UtcNow;
        string version = VersionOf(now);
        OnnxEnsembleMember[] exported = [.. members.Select(m => new OnnxEnsembleMember(m.Name, m.Network, m.Architecture.Mean, m.Architecture.Std, 1.0 / members.Count))];
        TrainingRecipe recipe = members[0].State.Recipe;
        bool isStaged = members.All(m => m.Network is IOnnxStagedNetwork);
        OnnxEnsembleOptions graph = new()
        {
            Features = isStaged,
            Explanation = isStaged,
            InputSize = recipe.Size,
            Classes = LesionClasses.Count,
            Flips = recipe.Flips,
            Precision = options.Precision,
            CalibrationImages = options.Precision == OnnxPrecision.Int8 ? Some(data, splits[0].Train, CalibrationImages) : null,
            DocString = DocStringOf(options.Name, version, members.Select(m => m.Name)),
            Metadata = MetadataOf(options.Name, version, members.Select(m => m.Name)),
        };
        OnnxVerification? parity = null;
        (ModelPackage package, EvaluationReport metrics) = Write(Manifest(members, data, splits, options, version, now), data, splits, folder, options, new(
            isStaged,
            isStaged,
            (onnx, temperature, suitability) => OnnxEnsemble.Export(exported, onnx, graph = graph with { Temperature = temperature, Suitability = suitability }),
            onnx => parity = OnnxEnsemble.Verify(exported, onnx, graph, ParityBatch(data, val)),
            (report, manifest, answers) => report with { Members = WithCurves(members, manifest, answers), TrainingTime = TimeOf(members) }));
        return new(package, parity!, metrics);
    }

    /// <summary>
    /// Makes a package of one member of another package, such as one that is small enough for a telephone: the same weights, with a temperature, a suitability,
    /// operating points and a report of its own, without similar cases.
    /// </summary>
    /// <param name="source">The ensemble's package.</param>
    /// <param name="member">The member's name.</param>
    /// <param name="data">The data set that the ensemble was validated on.</param>
    /// <param name="split">Its split.</param>
    /// <param name="folder">The folder of the new model's versions.</param>
    /// <param name="options">Name, licence; the precision stays.</param>
    /// <returns>The package and its metrics.</returns>
    /// <exception cref="TrainingException">There is no such member, or the data or the split are others than the ensemble's.</exception>
    /// <exception cref="OnnxExportException">The package's graph is not this product's, or what was cut out of it computes something else.</exception>
    public static (ModelPackage Package, EvaluationReport Metrics) WriteMember(
        ModelPackage source, string member, LesionDataSet data, DataSetSplit split, string folder, PackageOptions options)
    {
        ModelManifest ensemble = source.Manifest;
        int place = ensemble.Members.ToList().FindIndex(m => m.Name == member);
        string? fault = place < 0 ? $"it has no member {member}; its members are {string.Join(", ", ensemble.Members.Select(m => m.Name))}"
            : ensemble.Members.Count == 1 ? "it has one member already"
            : ensemble.Data is not { Folds: 1 } ? "its members were trained on several folds, so that none of them alone was validated on all images"
            : ensemble.Data.Fingerprint != data.Fingerprint ? $"it was validated on another data set than {data.Name} as it is now"
            : ensemble.Data.SplitFingerprint != split.Fingerprint ? "it was trained on another split"
            : null;
        if (fault is not null)
        {
            throw new TrainingException(
                $"{member} cannot be taken out of {ensemble.Name} {ensemble.Version}: {fault}. Give --data, --split and --fold as they were for the training, and a member's name.");
        }

        DateTimeOffset now = DateTimeOffset.UtcNow;
        string version = VersionOf(now);
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
            Recipe = ensemble.Recipe is { ValueKind: JsonValueKind.Object } all && all.TryGetProperty(member, out JsonElement recipe) ? recipe : ensemble.Recipe,
            Licence = options.Licence ?? ensemble.Licence,
        };
        OnnxMemberOptions graph = new() { DocString = DocStringOf(options.Name, version, [member]), Metadata = MetadataOf(options.Name, version, [member]) };
        using EnsembleModel whole = EnsembleModel.Load(source, new() { Device = InferenceDevice.Cpu });
        return Write(manifest, data, [split], folder, options, new(
            ensemble.Suitability is not null,
            false, // as large as the graph, and devices have no use for it
            (onnx, temperature, suitability) => OnnxMember.Cut(source.OnnxPath, place, onnx, graph with { Temperature = temperature, Suitability = suitability }),
            _ => { },
            (report, _, _) => report,
            part => CheckSameLogits(whole, place, part, data, split.Val)));
    }

    /// <summary>Writes a package around a graph.</summary>
    private static (ModelPackage Package, EvaluationReport Metrics) Write(
        ModelManifest manifest, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, string folder, PackageOptions options, PackagedGraph graph)
    {
        IReadOnlyDictionary<int, int>? folds = DataSetSplit.FoldsOf(splits);
        int[] val = [.. splits.SelectMany(s => s.Val)];
        string partial = Path.Combine(folder, $".{manifest.Version}.partial"), final = Path.Combine(folder, manifest.Version);
        Directory.CreateDirectory(partial);
        EvaluationReport metrics;
        try
        {
            string onnx = Path.Combine(partial, ModelManifest.OnnxFileName);

            // Temperature and suitability are fitted to what the graph gives that serves, so the graph is written twice.
            graph.Export(onnx, 1, null);
            double temperature;
            OnnxSuitability? suitability = null;
            manifest = Hashed(partial, manifest with { Temperature = 1 });
            using (EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(partial), new() { Device = InferenceDevice.Cpu }))
            {
                graph.Check?.Invoke(model);
                temperature = Calibration.Temperature([.. val.Select(i => data.Records[i].Label)], EnsembleAnswers.Compute(model, data, val, folds: folds).Logits);
                if (graph.HasFeatures)
                {
                    int[] trained = [.. splits.SelectMany(s => s.Train).Distinct()];
                    ImageFeatures features = ImageFeatures.Compute(model, data, trained);
                    suitability = features.With(ImageFeatures.Compute(model, data, trained, vary: true)).FitSuitability();
                    if (graph.HasIndex)
                    {
                        features.WriteIndex(partial);
                    }
                }
            }

            graph.Export(onnx, temperature, suitability);
            graph.Verify(onnx);

            manifest = Hashed(partial, manifest with { Temperature = temperature });
            metrics = Measure(partial, manifest, data, val, folds, options, graph.Complete);
            Directory.Move(partial, final);
        }
        catch
        {
            Directory.Delete(partial, recursive: true);
            throw;
        }

        WritePointer(folder, manifest.Version); // last: a reader never sees half a package, and should this fail the package stays
        return (ModelPackage.Open(final), metrics);
    }

    private static string VersionOf(DateTimeOffset now) => now.ToString("yyyyMMdd-HHmmss", System.Globalization.CultureInfo.InvariantCulture);

    private static string DocStringOf(string name, string version, IEnumerable<string> members) =>
        $"{name} {version}: {string.Join(" + ", members)}. {LesionClasses.Notice}.";

    private static Dictionary<string, string> MetadataOf(string name, string version, IEnumerable<string> members) => new()
    {
        ["name"] = name,
        ["version"] = version,
        ["classes"] = string.Join(",", LesionClasses.Codes),
        ["members"] = string.Join(",", members),
        ["notice"] = LesionClasses.Notice,
    };

    /// <summary>What was cut out of a graph must compute what it computed there.</summary>
    private static void CheckSameLogits(EnsembleModel whole, int place, EnsembleModel part, LesionDataSet data, IReadOnlyList<int> images)
    {
        int[] some = [.. images.Take(ParityImages)];
        byte[] pixels = [.. some.SelectMany(data.PixelsOf)];
        EnsembleOutput expected = whole.Classify(pixels, some.Length), given = part.Classify(pixels, some.Length);
        for (int i = 0; i < some.Length; i++)
        {
            float[] a = expected.MemberLogits(i, place).ToArray(), b = given.Logits(i).ToArray();
            if (a.Zip(b).Any(p => !(Math.Abs(p.First - p.Second) <= CutTolerance + (CutTolerance * Math.Abs(p.First)))))
            {
                throw new OnnxExportException(
                    $"The graph of {part.Manifest.Name} gives [{string.Join(", ", b)}] for an image for which its network gives [{string.Join(", ", a)}] in {whole.Manifest.Name}. "
                    + "Please report this with both packages.");
            }
        }
    }

    /// <summary>
    /// Writes a package anew whose networks stay as they are: suitability, limits, operating points and report are computed with this version of the trainer, as a
    /// new version beside the old one.
    /// </summary>
    /// <param name="package">The package.</param>
    /// <param name="data">The data set that it was trained on.</param>
    /// <param name="splits">Its split, or the folds of one cross-validation.</param>
    /// <param name="more">Other dermoscopy images that count as suitable too, with labels, decoded to the package's input size.</param>
    /// <param name="folder">The folder of the model's versions.</param>
    /// <param name="options">Licence, photographs and whether images are embedded; name and precision stay.</param>
    /// <exception cref="OnnxExportException">The graph holds no suitability as this version writes it.</exception>
    public static (ModelPackage Package, EvaluationReport Metrics) Renew(
        ModelPackage package, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, IReadOnlyList<LesionDataSet> more, string folder, PackageOptions options)
    {
        DateTimeOffset now = DateTimeOffset.UtcNow;
        string version = VersionOf(now), partial = Path.Combine(folder, $".{version}.partial"), final = Path.Combine(folder, version);
        Directory.CreateDirectory(partial);
        EvaluationReport metrics;
        try
        {
            ModelManifest manifest = package.Manifest with { Version = version, Created = now, Licence = options.Licence ?? package.Manifest.Licence };
            string onnx = Path.Combine(partial, ModelManifest.OnnxFileName);
            File.Copy(package.OnnxPath, onnx);
            int[] val = [.. splits.SelectMany(s => s.Val)];
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
            manifest = Hashed(partial, manifest);
            using (EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(partial), new() { Device = InferenceDevice.Cpu }))
            {
                int[] some = [.. val.Take(ParityImages)];
                double[] expected = ImageFeatures.Compute(model, data, some).SuitabilityBy(suitability), given = EnsembleAnswers.Compute(model, data, some).Suitability!;
                double difference = expected.Zip(given, (a, b) => Math.Abs(a - b)).Max();
                if (difference > OnnxSuitability.Tolerance)
                {
                    throw new OnnxExportException($"The graph's suitability is {difference} from the fitted one: the package was not written.");
                }
            }

            ReportDocument? before = Report.ReadOrNull(package.Folder);
            metrics = Measure(partial, manifest, data, val, DataSetSplit.FoldsOf(splits), options, (report, _, _) => report with
            {
                Members = [.. report.Members.Select(m => before?.LearningCurves.TryGetValue(m.Name, out IReadOnlyList<LearningCurvePoint>? curve) == true ? m with { LearningCurve = curve } : m)],
                TrainingTime = before?.TrainingSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : null,
                Hardware = before?.Hardware,
                Robustness = report.Robustness ?? before?.Robustness,
            });
            Directory.Move(partial, final);
        }
        catch
        {
            Directory.Delete(partial, recursive: true);
            throw;
        }

        WritePointer(folder, version);
        return (ModelPackage.Open(final), metrics);
    }

    /// <summary>Measures the package in a folder on its validation images, and writes its validation answers, limits and report.</summary>
    private static EvaluationReport Measure(
        string folder, ModelManifest manifest, LesionDataSet data, int[] val, IReadOnlyDictionary<int, int>? folds, PackageOptions options, Func<ReportInput, ModelManifest, EnsembleAnswers, ReportInput> complete)
    {
        using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(folder), new() { Device = InferenceDevice.Cpu });
        EnsembleAnswers answers = EnsembleAnswers.Compute(model, data, val, folds: folds);
        EvaluationReport metrics = answers.Evaluate($"{manifest.Name} {manifest.Version}", data, "val", manifest.Prior);
        int[] labels = [.. val.Select(i => data.Records[i].Label)];
        double? threshold = Calibration.ThresholdAtSpecificity(labels, answers.Probabilities, ThresholdClass, ConfidenceIntervals.Specificity);
        ValidationAnswers validation = ValidationAnswers.Of($"{data.Name}, {manifest.Data!.ValCount} validation images, split by {manifest.Data.Split}", labels, [.. val.Select(i => data.Records[i].LesionOrId)], answers.Probabilities);
        File.WriteAllBytes(Path.Combine(folder, ValidationAnswers.FileName), JsonSerializer.SerializeToUtf8Bytes(validation, LentigoJson.Default.ValidationAnswers));
        DecisionRule? rule = DecisionRule.Fit(validation, manifest.Prior!, manifest.Prior!, DecisionRequest.DefaultSensitivity, DecisionRequest.DefaultCoverage);
        manifest = manifest with
        {
            OperatingPoints = rule is null ? null : new(rule.Malignant, rule.Melanoma),
            Suitability = answers.Suitability is null ? null : SuitabilityOf(model, data, val, labels, answers.Suitability),
            Quality = QualityOf(data, val),
            Metrics = JsonSerializer.SerializeToElement(metrics, LentigoJson.Default.EvaluationReport),
            Thresholds = threshold is { } t ? new Dictionary<string, double> { [$"{ThresholdClass}@specificity{ConfidenceIntervals.Specificity * 100:f0}"] = t } : null,
        };
        ReportInput report = EvaluationReportInput.Of(
            model, manifest, data, "val", answers, manifest.Prior, DecisionEvaluation.CrossFitted(manifest.Prior!, validation), options.EmbedImages) with
        {
            Robustness = options.Photographs.Count == 0 ? null : Robustness.Measure(model, options.Photographs),
        };
        Report.Write(folder, complete(report, manifest, answers));
        Hashed(folder, manifest);
        return metrics;
    }

    /// <summary>The limits that few validation images lie below, taken as they are and as sharper or softer sources would give them.</summary>
    private static ModelSuitability SuitabilityOf(EnsembleModel model, LesionDataSet data, int[] val, int[] labels, double[] scores)
    {
        double[] varied = EnsembleAnswers.Compute(model, data, val, (pixels, image) => SharpnessVariation.Of(pixels, data.Size, image)).Suitability!, all = [.. scores, .. varied];
        double[] weights = ImageFeatures.Weights([.. labels, .. labels]);
        return new(ImageFeatures.Quantile(all, weights, UnusualShare), ImageFeatures.Quantile(all, weights, UnsuitableShare));
    }

    private static ModelManifest Manifest(IReadOnlyList<TrainedMember> members, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, PackageOptions options, string version, DateTimeOffset now) => new()
    {
        Name = options.Name,
        Version = version,
        Created = now,
        Classes = LesionClasses.Codes,
        Members = [.. members.Select(m => new ModelMember(m.Name, m.Architecture.Name, m.Architecture.Parameters, 1.0 / members.Count, m.Fold))],
        Input = new(members[0].State.Recipe.Size),
        Flips = members[0].State.Recipe.Flips,
        Precision = options.Precision.ToString().ToLowerInvariant(),
        Files = new Dictionary<string, string>(),
        Data = new(
            data.Name, data.Fingerprint, splits[0].KindName, DataSetSplit.FingerprintOf(splits), splits.SelectMany(s => s.Train).Distinct().Count(), splits.Sum(s => s.Val.Count), splits.Count)
        {
            Sources = SourcesOf(members),
        },
        Prior = TrainedMember.PriorOf(members, data),
        Recipe = RecipeOf(members),
        Licence = options.Licence,
    };

    /// <summary>The recipe that all members share but for their seeds, or each member's own by name.</summary>
    private static JsonElement RecipeOf(IReadOnlyList<TrainedMember> members) =>
        members.Select(m => m.State.Recipe with { Seed = 0 }).Distinct().Count() == 1
            ? JsonSerializer.SerializeToElement(members[0].State.Recipe, TrainingJson.Options)
            : JsonSerializer.SerializeToElement(members.ToDictionary(m => m.Name, m => m.State.Recipe), TrainingJson.Options);

    /// <summary>The sources of all members, each once; what was left out of one differs from fold to fold, and the most is named.</summary>
    private static IReadOnlyList<ModelSource>? SourcesOf(IReadOnlyList<TrainedMember> members)
    {
        ModelSource[] sources = [.. members.SelectMany(m => m.State.Sources ?? []).GroupBy(s => s with { LeftOut = 0 }).Select(g => g.MaxBy(s => s.LeftOut)!)];
        return sources.Length == 0 ? null : sources;
    }

    /// <summary>The limits beyond which few validation images lie.</summary>
    private static ModelQuality QualityOf(LesionDataSet data, IReadOnlyList<int> images)
    {
        (double Sharpness, double Brightness)[] measured = [.. images.Select(i => ImageQuality.Measure(data.PixelsOf(i), data.Size))];
        double[] sharpness = [.. measured.Select(m => m.Sharpness)], brightness = [.. measured.Select(m => m.Brightness)];
        return new(data.Size, Quantile(sharpness, UnsuitableShare), Quantile(brightness, UnsuitableShare), Quantile(brightness, 1 - UnsuitableShare));
    }

    private static double Quantile(double[] values, double share)
    {
        double[] sorted = [.. values.Order()];
        return sorted[(int)(share * (sorted.Length - 1))];
    }

    /// <summary>Writes the manifest with the hashes of the package's other files.</summary>
    private static ModelManifest Hashed(string folder, ModelManifest manifest)
    {
        ModelManifest hashed = manifest with
        {
            Files = Directory.EnumerateFiles(folder).Where(f => Path.GetFileName(f) != ModelManifest.FileName).Order(StringComparer.Ordinal).ToDictionary(f => Path.GetFileName(f), ModelPackage.Hash),
        };
        File.WriteAllBytes(Path.Combine(folder, ModelManifest.FileName), JsonSerializer.SerializeToUtf8Bytes(hashed, LentigoJson.Default.ModelManifest));
        return hashed;
    }

    private static void WritePointer(string folder, string version)
    {
        string pointer = Path.Combine(folder, CurrentVersion.FileName), partial = pointer + ".partial";
        File.WriteAllBytes(partial, JsonSerializer.SerializeToUtf8Bytes(new CurrentVersion(version), LentigoJson.Default.CurrentVersion));
        File.Move(partial, pointer, overwrite: true);
    }

    /// <summary>The report's members with the log of their epochs, which is the mean over folds where there are several.</summary>
    private static List<ReportMember> WithCurves(IReadOnlyList<TrainedMember> members, ModelManifest manifest, EnsembleAnswers answers) =>
        [.. EvaluationReportInput.Members(manifest, answers).Select(m => m with
        {
            LearningCurve = [.. members.Where(t => TrainedMember.NameInFold(t.Name, t.Fold) == m.Name)
                .SelectMany(t => t.Epochs).GroupBy(e => e.Epoch)
                .Select(g => new LearningCurvePoint(g.Key, g.Average(e => e.TrainLoss), g.Average(e => e.Val.Loss), g.Average(e => e.Val.Accuracy), g.First().LearningRate))],
        })];

    private static TimeSpan? TimeOf(IReadOnlyList<TrainedMember> members) =>
        members.Any(m => m.Epochs.Count == 0) ? null : TimeSpan.FromSeconds(members.Sum(m => m.Epochs.Sum(e => e.Seconds)));

    /// <summary>
    /// uint8 [2k, s, s, 3]: k random images and k real ones. Random are colours at a few points, the pixels between them interpolated, with grain: white
    /// noise is no image, and a network may amplify it, and every rounding error with it, far beyond what a photograph does.
    /// </summary>
    private static Tensor ParityBatch(LesionDataSet data, IReadOnlyList<int> images)
    {
        using Generator generator = new(1);
        Tensor colours = rand([ParityImages, 3, 5, 5], generator: generator) * 255;
        Tensor smooth = nn.functional.interpolate(colours, [data.Size, data.Size], mode: InterpolationMode.Bilinear, align_corners: true).permute(0, 2, 3, 1);
        Tensor grain = randn([ParityImages, data.Size, data.Size, 3], generator: generator) * 8;
        return cat([(smooth + grain).clamp(0, 255).to(ScalarType.Byte), Some(data, images, ParityImages)], 0);
    }

    private static Tensor Some(LesionDataSet data, IReadOnlyList<int> images, int count)
    {
        int[] shuffled = [.. images];
        new Random(1).Shuffle(shuffled);
        return data.Pixels.index_select(0, tensor([.. shuffled.Take(count).Select(i => (long)i)], dtype: ScalarType.Int64));
    }
}
