using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using Lentigo.Training.Trainers;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>cross-validate</c>.</summary>
internal static class CrossValidateCommand
{
    private static readonly Option<string[]> Runs =
        new("--run") { Required = true, HelpName = "folder", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true,
        Description = "The folders from 'train --fold 1/k --out', 'train --fold 2/k --out' and so on; the members of a fold may be in several folders." };
    private static readonly Option<string?> Json = new("--json") { HelpName = "file", Description = "Write the metrics and their intervals as JSON." };

    public static Command Create()
    {
        Command command = new(
            "cross-validate",
            "Pools the out-of-fold predictions of all folds and prints the metrics of the ensemble and its members with 95 % intervals (bootstrap over "
                + "lesions).")
        {
            Runs, DataArguments.Data, DataArguments.Split, Json, DataArguments.Format, DataArguments.SkipMissing, DataArguments.NoCache,
            StorageArguments.Connection, CommandLine.DeviceName,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        IReadOnlyList<TrainedMember> members = TrainedMember.LoadAll(arguments.GetValue(Runs)!);
        int folds = TrainedMember.SplitsOf(members);
        if (folds < 2)
        {
            throw new UsageException("Cross-validation needs the runs of at least two folds: --run fold1 fold2 fold3.");
        }

        using LesionDataSet data = await DataArguments.OpenAsync(arguments, members[0].State.Recipe.Size, cancellationToken);
        CrossValidation result = CrossValidation.Pool(members, data, DataArguments.FoldsOf(arguments, data, folds),
            CommandLine.DeviceOf(arguments.GetValue(CommandLine.DeviceName)!), cancellationToken);
        CommandLine.Print($"{result.Folds}-fold cross-validation on {result.Data}, split by {result.Split}. {LesionClasses.Notice}.");
        Print("all images", result.All);
        Print("all images, uniform prior", result.Uniform);
        foreach ((string stratum, CrossValidatedFigures figures) in result.Strata)
        {
            Print($"{stratum} px", figures);
        }

        if (arguments.GetValue(Json) is { } json)
        {
            File.WriteAllText(json, JsonSerializer.Serialize(result, TrainingJson.Options));
        }

        return 0;
    }

    private static void Print(string title, CrossValidatedFigures figures)
    {
        Table table = CommandLine.NewTable($"{title} ({figures.Images})", "accuracy", "balanced accuracy", "macro AUC",
            $"melanoma sensitivity at {ConfidenceIntervals.Specificity:p0} specificity");
        foreach ((string name, ConfidenceIntervals f, bool signed) in figures.Members.Select(m => (m.Key, m.Value, false))
            .Append(("ensemble", figures.Ensemble, false))
            .Concat(figures.Gains.Select(g => ($"ensemble - {g.Key}", g.Value, true))))
        {
            string Number(double value) => value.ToString(signed ? "+0.000;-0.000;0.000" : "0.000", CultureInfo.InvariantCulture);
            string Cell(ConfidenceInterval? i) => i is null ? "-" : $"{Number(i.Value)} ({Number(i.Low)} to {Number(i.High)})";
            table.AddRow(Markup.Escape(name), Cell(f.Accuracy), Cell(f.BalancedAccuracy), Cell(f.MacroAuc), Cell(f.MelanomaSensitivity));
        }

        CommandLine.Print(table);
    }
}
