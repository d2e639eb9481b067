using System.CommandLine;
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

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>evaluate</c>.</summary>
internal static class EvaluateCommand
{
    private static readonly Option<string> Model =
        new("--model") { Required = true, HelpName = "package", Description = "A package: a version's folder, or the folder above with current.json." };
    private static readonly Option<string> Subset =
        new("--subset") { HelpName = "train|val|test|all",
        Description = "The subset to evaluate: those of a .npz, or those of the split that the model was trained with.", DefaultValueFactory = _ => "all" };
    private static readonly Option<string> Fold =
        new("--fold") { HelpName = "i/k", Description = "The fold that the model was validated on, as given to train.", DefaultValueFactory = _ => "1/5" };
    private static readonly Option<string> Prior =
        new("--prior") { HelpName = "natural|uniform|p1,...,p7",
        Description = $"The class prior to assume: that of the model, equally frequent classes, or numbers for {string.Join(", ", LesionClasses.Codes)}. "
        + "Metrics for equally frequent classes are always printed.", DefaultValueFactory = _ => ClassPrior.Natural };
    private static readonly Option<string?> Json =
        new("--json") { HelpName = "file", Description = "Write the metrics as JSON: 'ensemble' and 'members.<name>'." };
    private static readonly Option<string?> Predictions = new("--predictions") { HelpName = "file", Description = "Write each image's probabilities as CSV." };

    private static readonly Option<string?> ReportFolder =
        new("--report") { HelpName = "folder",
        Description = "Write report.html and report.json there: metrics with intervals, curves, calibration, the images with the largest errors." };
    private static readonly Option<bool> EmbedImages =
        new("--embed-images") { Description = "Show the images with the largest errors in the report. Their license must permit it." };

    private static readonly Option<string?> Feedback = new("--feedback")
    {
        HelpName = "folder|URL|container",
        Description = "Instead of --data: the feedback of a service (feedback/{id}.json), as a folder or a container. Compares answers with confirmed "
            + "diagnoses, week by week.",
    };

    public static Command Create()
    {
        Command command = new("evaluate",
            "Evaluates a package on a data set, through the code that serves it, and prints the metrics of the ensemble and its members.")
        {
            Model, DataArguments.OptionalData, Feedback, Subset, Fold, DataArguments.SplitFile, Prior, Json, Predictions, ReportFolder, EmbedImages,
            DataArguments.Photographs, DataArguments.Format, DataArguments.SkipMissing, DataArguments.NoCache, StorageArguments.Connection,
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

            FeedbackTables.Print(await FeedbackAsync(feedback, arguments, cancellationToken), package);
            return 0;
        }

        IReadOnlyList<double>? prior = PriorOf(arguments.GetValue(Prior)!, package.Manifest);
        IReadOnlyList<ImageFile> photographs = DataArguments.PhotographsOf(arguments);
        using EnsembleModel model = EnsembleModel.Load(package, new());
        using LesionDataSet data = await DataArguments.OpenAsync(arguments, package.Manifest.Input.Size, cancellationToken);
        string subset = arguments.GetValue(Subset)!;
        (IReadOnlyList<int> images, IReadOnlyDictionary<int, int>? folds, bool areFitted) =
            TrainedSplits.ImagesOf(data, subset, package.Manifest.Data, CommandLine.FoldOf(arguments.GetValue(Fold)!),
            arguments.GetValue(DataArguments.SplitFile));
        EnsembleAnswers answers = EnsembleAnswers.Compute(model, data, images, folds: folds);
        answers = prior is null ? answers : answers.Reweighed(package.Manifest.Prior!, prior);
        ValidationAnswers? validation = ValidationAnswers.Read(package);
        if (arguments.GetValue(Predictions) is { } csv)
        {
            File.WriteAllText(csv, PredictionsCsv.Of(data, answers, validation is null || prior is null ? null
                : DecisionRule.Fit(validation, package.Manifest.Prior!, prior, DecisionRequest.DefaultSensitivity, DecisionRequest.DefaultCoverage)));
        }

        if (images.Any(i => data.Records[i].Label < 0))
        {
            Console.WriteLine($"{images.Count} images of {data.Name} were classified, but there are no labels to compare the answers with."
                + (arguments.GetValue(Predictions) is null ? " Write the answers to a file with --predictions." : ""));
            return 0;
        }

        EvaluationReport report = answers.Evaluate($"{package.Manifest.Name} {package.Manifest.Version}", data, subset, prior);
        EvaluationTables.Print(report, package.Manifest);
        if (arguments.GetValue(Json) is { } json)
        {
            File.WriteAllText(json, JsonSerializer.Serialize(report, LentigoJson.Default.EvaluationReport));
        }

        IReadOnlyList<RobustnessFigures>? robustness = photographs.Count == 0 ? null : Robustness.Measure(model, photographs);
        EvaluationTables.Print(robustness ?? []);
        int[] labels = [.. images.Select(i => data.Records[i].Label)];
        string[] lesions = [.. images.Select(i => data.Records[i].LesionOrId)];
        EvaluationTables.Print(Calibration.Compare(answers, labels, lesions));
        DecisionEvaluation? decisions = validation is null || prior is null ? null
            : areFitted ? DecisionEvaluation.CrossFitted(prior, ValidationAnswers.Of(data.Name, labels, lesions, answers.Probabilities))
            : DecisionEvaluation.Of(validation, package.Manifest.Prior!, prior, ValidationAnswers.Of(data.Name, labels, lesions, answers.Probabilities));
        EvaluationTables.Print(decisions);
        if (arguments.GetValue(ReportFolder) is { } folder)
        {
            Report.Write(folder, EvaluationReportInput.Of(model, package.Manifest, data, subset, answers, prior, decisions,
                arguments.GetValue(EmbedImages)) with { Robustness = robustness });
            Console.WriteLine($"The report is {Path.Combine(folder, Report.HtmlFileName)}.");
        }

        return 0;
    }

    private static async Task<IReadOnlyList<FeedbackRecord>> FeedbackAsync(string place, ParseResult arguments, CancellationToken cancellationToken)
    {
        if (Directory.Exists(place))
        {
            return FeedbackDocuments.Read(place);
        }

        BlobFolder folder = StorageArguments.Open(place, StorageArguments.ConnectionOf(arguments));
        return await FeedbackDocuments.ReadAsync(folder.Container, cancellationToken);
    }

    /// <summary>The requested class prior; null where the prior of the model is requested and the package has none.</summary>
    private static IReadOnlyList<double>? PriorOf(string text, ModelManifest manifest) => manifest.Prior is { } natural
        ? ClassPrior.Parse(text, natural)
            ?? throw new UsageException($"--prior takes natural, uniform or seven numbers above 0, for {string.Join(", ", LesionClasses.Codes)}, such as "
            + "1,1,1,1,1,10,1.")
        : text == ClassPrior.Natural ? null
            : throw new UsageException($"The package {manifest.Name} {manifest.Version} does not say the class prior of its probabilities, so that they cannot "
            + "be re-weighed. Leave --prior out, or export the package again.");
}
