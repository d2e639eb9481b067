using System.CommandLine;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Packaging;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>renew</c>.</summary>
internal static class RenewCommand
{
    private static readonly Option<string> Model =
        new("--model") { Required = true, HelpName = "package", Description = "A package: a version's folder, or the folder above with current.json." };
    private static readonly Option<string> Out =
        new("--out") { Required = true, HelpName = "folder", Description = "Where the new version (<version>/, current.json) goes, e.g. models/lentigo." };
    private static readonly Option<string[]> Also =
        new("--also") { HelpName = "folder", AllowMultipleArgumentsPerToken = true,
        Description = "Further labeled dermoscopy images to accept as suitable, such as those of a clinic." };
    private static readonly Option<string?> Licence =
        new("--license", "--licence") { HelpName = "text", Description = "The license of the weights [that of the package]." };
    private static readonly Option<bool> EmbedImages =
        new("--embed-images") { Description = "Show the images with the largest errors in the report. Their license must permit it." };

    public static Command Create()
    {
        Command command = new("renew",
            "Writes a new version of a package with the same networks: recomputes suitability, limits, operating points and the report with this version of "
            + "the program.")
        {
            Model, DataArguments.Data, Also, Out, DataArguments.Fold, DataArguments.SplitFile, Licence, EmbedImages,
            DataArguments.Photographs, DataArguments.Format, DataArguments.SkipMissing, DataArguments.NoCache, StorageArguments.Connection,
        };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        ModelPackage package = ModelPackage.Open(arguments.GetValue(Model)!);
        int size = package.Manifest.Input.Size;
        using LesionDataSet data = await DataArguments.OpenAsync(arguments, size, cancellationToken);
        IReadOnlyList<DataSetSplit> splits =
            TrainedSplits.SplitsOf(data, package.Manifest, CommandLine.FoldOf(arguments.GetValue(DataArguments.Fold)!),
            arguments.GetValue(DataArguments.SplitFile));
        IReadOnlyList<LesionDataSet> more =
            await DataArguments.OpenAllAsync(arguments, DataArguments.LocationsOf(arguments.GetValue(Also) ?? []), size, cancellationToken);
        (ModelPackage renewed, EvaluationReport metrics) = RenewedPackage.Write(package, data, splits, more, arguments.GetValue(Out)!, new()
        {
            Name = package.Manifest.Name,
            Licence = arguments.GetValue(Licence),
            EmbedImages = arguments.GetValue(EmbedImages),
            Photographs = DataArguments.PhotographsOf(arguments),
        });
        EvaluationTables.Print(metrics, renewed.Manifest);
        Console.WriteLine($"The package is {renewed.Folder}; its report is report.html there.");
        return 0;
    }
}
