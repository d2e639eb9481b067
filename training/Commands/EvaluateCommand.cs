using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Reports;
using Lentigo.Training.Storage;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>evaluate</c>.</summary>
internal static class EvaluateCommand
{
    private static readonly Option<string> Model = new("--model") { Required = true, HelpName = "package", Description = "A package: a version's folder, or the folder above with current.json." };
    private static readonly Option<string> Subset = new("--subset") { HelpName = "train|val|test|all", Description = "Of a .npz its own subsets; of the folder that the model was trained on the split of that training.", DefaultValueFactory = _ => "all" };
    private static readonly Option<string> Fold = new("--fold") { HelpName = "i/k", Description = "The fold that the model was validated on, as given to train.", DefaultValueFactory = _ => "1/5" };
    private static readonly Option<string> Prior = new("--prior") { HelpName = "natural|uniform|p1,...,p7", Description = $"The class prior that answers are re-weighed for: the model's own, equally frequent classes, or numbers for {string.Join(", ", LesionClasses.Codes)}. Figures for equally frequent classes are printed in any case.", DefaultValueFactory = _ => ClassPrior.Natural };
    private static readonly Option<string?> Json = new("--json") { HelpName = "file", Description = "Write the figures as JSON: 'ensemble' and 'members.<name>'." };
    private static readonly Option<string?> Predictions = new("--predictions") { HelpName = "file", Description = "Write each image's probabilities as CSV." };

    private static readonly Option<string?> ReportFolder = new("--report") { HelpName = "folder", Description = "Write report.html and report.json there: intervals, curves, calibration, the images it got most wrong." };
    private static readonly Option<bool> EmbedImages = new("--embed-images") { Description = "Show the images it got most wrong in the report. Their licence must allow it." };

    private static readonly Option<string?> Feedback = new("--feedback")
    {
        HelpName = "folder|URL|container",
        Description = "Instead of --data: the documents feedback/{id}.json of a service, as a folder or a container. What the model answered is compared with the confirmed diagnoses, week by week.",
    };

    public static Command Create()
    {
        Command command = new("evaluate", "Classifies a data set with a package, through the code that serves, and prints metrics of the members and the ensemble.")
        {
            Model, DataArguments.OptionalData, Feedback, Subset, Fold, DataArguments.SplitFile, Prior, Json, Predictions, ReportFolder, EmbedImages, DataArguments.Photographs, DataArguments.Format, DataArguments.SkipMissing, DataArguments.NoCache, StorageArguments.Connection,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        ModelPackage package = ModelPackage.Open(arguments.GetValue(Model)!);
        if (arguments.GetValue(Feedback) is { } feedback)
        {
            if (arguments.GetValue(DataArguments.OptionalData) is { Length: > 0 })
            {
                throw new UsageException("--data and --feedback cannot both be given.");
            }

            FeedbackEvaluation.Print(await FeedbackAsync(feedback, arguments, cancellationToken), package);
            return 0;
        }

        IReadOnlyList<double>? prior = PriorOf(arguments.GetValue(Prior)!, package.Manifest);
        IReadOnlyList<ImageFile> photographs = DataArguments.PhotographsOf(arguments);
        using EnsembleModel model = EnsembleModel.Load(package, new());
        using LesionDataSet data = await DataArguments.OpenAsync(arguments, package.Manifest.Input.Size, cancellationToken);
        string subset = arguments.GetValue(Subset)!;
        (IReadOnlyList<int> images, IReadOnlyDictionary<int, int>? folds) = ImagesOf(data, subset, package.Manifest.Data, CommandLine.FoldOf(arguments.GetValue(Fold)!), arguments.GetValue(DataArguments.SplitFile));
        EnsembleAnswers answers = EnsembleAnswers.Compute(model, data, images, folds: folds);
        answers = prior is null ? answers : answers.Reweighed(package.Manifest.Prior!, prior);
        ValidationAnswers? validation = ValidationAnswers.Read(package);
        if (arguments.GetValue(Predictions) is { } csv)
        {
            File.WriteAllText(csv, Csv(data, answers, validation is null || prior is null ? null
                : DecisionRule.Fit(validation, package.Manifest.Prior!, prior, DecisionRequest.DefaultSensitivity, DecisionRequest.DefaultCoverage)));
        }

        if (images.Any(i => data.Records[i].Label < 0))
        {
            Console.WriteLine($"{images.Count} images of {data.Name} were classified, but there are no labels to compare the answers with."
                + (arguments.GetValue(Predictions) is null ? " Write the answers to a file with --predictions." : ""));
            return 0;
        }

        EvaluationReport report = answers.Evaluate($"{package.Manifest.Name} {package.Manifest.Version}", data, subset, prior);
        Print(report, package.Manifest);
        if (arguments.GetValue(Json) is { } json)
        {
            File.WriteAllText(json, JsonSerializer.Serialize(report, LentigoJson.Default.EvaluationReport));
        }

        IReadOnlyList<RobustnessFigures>? robustness = photographs.Count == 0 ? null : Robustness.Measure(model, photographs);
        Print(robustness ?? []);
        int[] labels = [.. images.Select(i => data.Records[i].Label)];
        string[] lesions = [.. images.Select(i => data.Records[i].LesionOrId)];
        Print(Calibration.Compare(answers, labels, lesions));
        bool isFittedOnThese = subset == "val" && package.Manifest.Data?.Fingerprint == data.Fingerprint;
        DecisionEvaluation? decisions = validation is null || prior is null ? null
            : isFittedOnThese ? DecisionEvaluation.CrossFitted(prior, ValidationAnswers.Of(data.Name, labels, lesions, answers.Probabilities))
            : DecisionEvaluation.Of(validation, package.Manifest.Prior!, prior, ValidationAnswers.Of(data.Name, labels, lesions, answers.Probabilities));
        Print(decisions);
        if (arguments.GetValue(ReportFolder) is { } folder)
        {
            Report.Write(folder, EvaluationReportInput.Of(model, package.Manifest, data, subset, answers, prior, decisions, arguments.GetValue(EmbedImages)) with { Robustness = robustness });
            Console.WriteLine($"The report is {Path.Combine(folder, Report.HtmlFileName)}.");
        }

        return 0;
    }

    private static async Task<IReadOnlyList<FeedbackRecord>> FeedbackAsync(string place, ParseResult arguments, CancellationToken cancellationToken)
    {
        if (Directory.Exists(place))
        {
            return FeedbackEvaluation.Read(place);
        }

        BlobFolder folder = StorageArguments.Open(place, StorageArguments.ConnectionOf(arguments));
        return await FeedbackEvaluation.ReadAsync(folder.Container, cancellationToken);
    }

    /// <summary>The class prior asked for; null where the model does not say its own and that is asked for.</summary>
    private static IReadOnlyList<double>? PriorOf(string text, ModelManifest manifest) => manifest.Prior is { } own
        ? ClassPrior.Parse(text, own) ?? throw new UsageException($"--prior takes natural, uniform or seven numbers above 0, for {string.Join(", ", LesionClasses.Codes)}, such as 1,1,1,1,1,10,1.")
        : text == ClassPrior.Natural ? null : throw new UsageException($"The package {manifest.Name} {manifest.Version} does not say the class prior of its probabilities, so that they cannot be re-weighed. Leave --prior out, or export the package again.");

    /// <summary>The images of a subset, and where the model is an ensemble of folds the fold of each, whose members alone were not trained on it.</summary>
    private static (IReadOnlyList<int> Images, IReadOnlyDictionary<int, int>? Folds) ImagesOf(LesionDataSet data, string subset, ModelData? trained, (int Fold, int Folds) fold, string? splitFile)
    {
        if (subset is not ("train" or "val" or "test" or "all"))
        {
            throw new UsageException($"There is no subset '{subset}'. Known: train, val, test, all.");
        }

        if (subset == "all")
        {
            return ([.. Enumerable.Range(0, data.Count)], null);
        }

        if (splitFile is null && trained?.Split != "file" && data.Records.Any(r => r.Subset is not null))
        {
            int[] own = [.. Enumerable.Range(0, data.Count).Where(i => data.Records[i].Subset == subset)];
            return own.Length > 0 ? (own, null) : throw new DataSetException(
                $"{data.Name} has no subset '{subset}'; it holds {string.Join(", ", data.Records.Select(r => r.Subset).Distinct())}.");
        }

        if (subset == "test" || trained is null || trained.Fingerprint != data.Fingerprint)
        {
            throw new DataSetException($"{data.Name} has no subset '{subset}' for this model: it is not the data set that the model was trained on. Use --subset all.");
        }

        IReadOnlyList<DataSetSplit> splits = SplitsOf(data, trained, fold, splitFile);
        return splits is [var split] ? (subset == "train" ? split.Train : split.Val, null)
            : subset == "val" && DataSetSplit.FoldsOf(splits) is { } folds ? ([.. folds.Keys], folds)
            : throw new DataSetException($"Every image of {data.Name} was trained on by some of the members, which were trained on folds. Use --subset val: there the members answer that were not.");
    }

    /// <summary>The split that a model was trained on: of an ensemble of folds each fold's.</summary>
    /// <param name="data">The data set that it was trained on.</param>
    /// <param name="manifest">The model's manifest.</param>
    /// <param name="fold">The fold that it was validated on, where it is no ensemble of folds.</param>
    /// <param name="splitFile">The file of the split, where it came from one.</param>
    /// <exception cref="DataSetException">It is another data set, or another split.</exception>
    public static IReadOnlyList<DataSetSplit> SplitsOf(LesionDataSet data, ModelManifest manifest, (int Fold, int Folds) fold, string? splitFile) =>
        manifest.Data is { } trained && trained.Fingerprint == data.Fingerprint
            ? SplitsOf(data, trained, fold, splitFile)
            : throw new DataSetException($"{data.Name} is not the data set that {manifest.Name} {manifest.Version} was trained on.");

    private static IReadOnlyList<DataSetSplit> SplitsOf(LesionDataSet data, ModelData trained, (int Fold, int Folds) fold, string? splitFile)
    {
        if (splitFile is null && trained.Split == "file")
        {
            throw new UsageException("The model was trained with a split from a file. Name the file with --split-file.");
        }

        if (trained.Folds > 1)
        {
            DataSetSplit[] splits = [.. Enumerable.Range(0, trained.Folds).Select(k => DataSetSplit.Make(data, KindOf(trained), DataArguments.SplitSeed, trained.Folds, k))];
            return DataSetSplit.FingerprintOf(splits) == trained.SplitFingerprint ? splits : throw new DataSetException($"The model was trained on other folds of {data.Name} than these data split into.");
        }

        DataSetSplit split = splitFile is null
            ? DataSetSplit.Make(data, KindOf(trained), DataArguments.SplitSeed, fold.Folds, fold.Fold)
            : DataSetSplit.Read(splitFile, data, Console.WriteLine, allowLeaks: true);
        return split.Fingerprint == trained.SplitFingerprint ? [split]
            : splitFile is not null ? throw new DataSetException($"The model was trained with another split of {data.Name} than {splitFile}.")
            : throw new DataSetException($"The model was validated on another fold of {data.Name} than {fold.Fold + 1}/{fold.Folds}. Name the one that was given to train with --fold.");
    }

    private static SplitKind KindOf(ModelData trained) => trained.Split switch { "image" => SplitKind.Image, "official" => SplitKind.Official, _ => SplitKind.Lesion };

    /// <summary>Prints the tables of an evaluation.</summary>
    public static void Print(EvaluationReport report, ModelManifest manifest)
    {
        CommandLine.Print($"{report.Model} on {report.Ensemble.Count} images of {report.Data} ({report.Subset}). {report.Notice}.");
        foreach (Table table in Tables(report, manifest))
        {
            CommandLine.Print(table);
        }
    }

    /// <summary>The tables of an evaluation; each fits a terminal of 80 columns.</summary>
    internal static IEnumerable<Table> Tables(EvaluationReport report, ModelManifest manifest)
    {
        Table overall = CommandLine.NewTable("", "images", "accuracy", "balanced\naccuracy", "macro\nAUC", "malign.\nAUC", "log\nloss");
        Table averages = CommandLine.NewTable("", "macro\nprecis.", "macro\nrecall", "macro\nF1", "weighted\nprecis.", "weighted\nrecall", "weighted\nF1");
        bool several = manifest.Members.Count > 1;
        foreach ((string name, ClassificationMetrics m) in report.Members.Concat(several ? [new("ensemble", report.Ensemble)] : [])
            .Concat((report.Uniform?.Members ?? new Dictionary<string, ClassificationMetrics>()).Select(m => KeyValuePair.Create($"{m.Key}, uniform prior", m.Value)))
            .Concat(several && report.Uniform is { } uniform ? [new("ensemble, uniform prior", uniform.Ensemble)] : [])
            .Concat((report.Strata ?? new Dictionary<string, ClassificationMetrics>()).Select(s => KeyValuePair.Create($"ensemble, {s.Key} px", s.Value))))
        {
            overall.AddRow(Markup.Escape(name), $"{m.Count}", F(m.Accuracy), F(m.BalancedAccuracy), F(m.MacroAuc), F(m.MalignantAuc), F(m.LogLoss));
            averages.AddRow(Markup.Escape(name), F(m.MacroPrecision), F(m.MacroRecall), F(m.MacroF1), F(m.WeightedPrecision), F(m.WeightedRecall), F(m.WeightedF1));
        }

        yield return overall;
        yield return averages;
        Table classes = CommandLine.NewTable("ensemble", "images", "precision", "recall", "F1", "AUC");
        foreach (ClassMetrics c in report.Ensemble.Classes)
        {
            classes.AddRow(c.Code, $"{c.Support}", F(c.Precision), F(c.Recall), F(c.F1), F(c.Auc));
        }

        yield return classes;
        Table confusion = CommandLine.NewTable(["label \\ answer", .. LesionClasses.Codes]);
        for (int i = 0; i < LesionClasses.Count; i++)
        {
            confusion.AddRow([LesionClasses.Codes[i], .. report.Ensemble.ConfusionMatrix[i].Select(n => $"{n}")]);
        }

        yield return confusion;
    }

    private static void Print(IReadOnlyList<RobustnessFigures> changes)
    {
        if (changes.Count == 0)
        {
            return;
        }

        Table table = CommandLine.NewTable("photographs", "other first answer", "mean shift", "largest shift", "mean shift, malignant");
        foreach (RobustnessFigures change in changes)
        {
            table.AddRow(Markup.Escape(change.Change), $"{change.Flips} of {change.Count}", F(change.MeanShift), F(change.LargestShift), F(change.MeanMalignantShift));
        }

        CommandLine.Print(table);
    }

    private static void Print(IReadOnlyList<CalibrationComparison> rows)
    {
        Table table = CommandLine.NewTable($"calibration\n({rows[0].After.Bins} bins)", "ECE", "after", "Brier\nscore", "after", "log\nloss", "after");
        foreach (CalibrationComparison row in rows)
        {
            table.AddRow(
                Markup.Escape(row.Name), F(row.Before.ExpectedCalibrationError), F(row.After.ExpectedCalibrationError),
                F(row.Before.BrierScore), F(row.After.BrierScore), F(row.Before.LogLoss), F(row.After.LogLoss));
        }

        CommandLine.Print("Before and after temperature scaling, each temperature fitted on images of other lesions:");
        CommandLine.Print(table);
    }

    private static void Print(DecisionEvaluation? decisions)
    {
        if (decisions is null)
        {
            CommandLine.Print("The package has no validation answers: there is no triage to evaluate.");
            return;
        }

        CommandLine.Print($"Triage at {decisions.Promise:P0} sensitivity, {decisions.Method}:");
        Table shares = CommandLine.NewTable("", "share", "95 % interval");
        foreach ((string name, ConfidenceInterval? share) in new[]
        {
            ("sensitivity for malignancy", decisions.Sensitivity), ("specificity", decisions.Specificity),
            ("melanomas referred", decisions.MelanomaReferred), ("benign lesions referred", decisions.BenignReferred),
        })
        {
            shares.AddRow(name, F(share?.Value), share is null ? "-" : $"{F(share.Low)} to {F(share.High)}");
        }

        CommandLine.Print(shares);
        Table recommendations = CommandLine.NewTable("", "refer", "review", "routine");
        foreach ((string code, RecommendationCounts counts) in decisions.Recommendations)
        {
            recommendations.AddRow(code, $"{counts.Refer}", $"{counts.Review}", $"{counts.Routine}");
        }

        CommandLine.Print(recommendations);
        Table sets = CommandLine.NewTable(["prediction\nsets", "coverage", "mean\nsize", .. decisions.Recommendations.Keys]);
        foreach (SetEvaluation set in decisions.Sets)
        {
            sets.AddRow([$"{set.Promise:P0}", F(set.Coverage.Value), set.MeanSize.ToString("f2", CultureInfo.InvariantCulture), .. decisions.Recommendations.Keys.Select(code => set.Classes[code].Value.ToString("f2", CultureInfo.InvariantCulture))]);
        }

        CommandLine.Print(sets);
    }

    /// <summary>Each image's probabilities and, where the package has a rule, what it recommends.</summary>
    private static string Csv(LesionDataSet data, EnsembleAnswers answers, DecisionRule? rule)
    {
        StringBuilder csv = new($"image_id,label,{string.Join(",", LesionClasses.Codes)}{(rule is null ? "" : ",malignant,recommendation,set")}\n");
        for (int i = 0; i < answers.Images.Count; i++)
        {
            LesionRecord record = data.Records[answers.Images[i]];
            double[] probabilities = answers.Probabilities[i];
            csv.Append(CultureInfo.InvariantCulture, $"{record.Id},{(record.Label < 0 ? "" : LesionClasses.Codes[record.Label])},{string.Join(",", probabilities.Select(p => p.ToString("r", CultureInfo.InvariantCulture)))}");
            if (rule is not null)
            {
                Triage triage = rule.TriageOf(probabilities, hasWarnings: false);
                csv.Append(CultureInfo.InvariantCulture, $",{triage.MalignantProbability:r},{triage.Recommendation},{string.Join(' ', rule.SetOf(probabilities))}");
            }

            csv.Append('\n');
        }

        return csv.ToString();
    }

    private static string F(double? value) => value is { } v ? v.ToString("f4", CultureInfo.InvariantCulture) : "-";
}
