using System.CommandLine;
using System.Globalization;
using Lentigo.Core.Decisions;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Evaluation;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>publish</c>.</summary>
internal static class PublishCommand
{
    private static readonly Option<string> Model =
        new("--model") { Required = true, HelpName = "package", Description = "A package: a version's folder, or the folder above with current.json." };
    private static readonly Option<string> To = new("--to") { Required = true, HelpName = ModelStores.HelpName, Description = ModelStores.Description };
    private static readonly Option<bool> Force = new("--force") { Description = "Publish the package even if it is worse than the version that serves." };

    private static readonly Option<bool> Candidate = new("--candidate")
    {
        Description = "Copy the files only: the version that serves stays, and the app tries this one with the setting Lentigo__Candidate.",
    };

    public static Command Create()
    {
        Command command = new(
            "publish",
            "Publishes a package to where the app looks for models. Refuses one that is worse than the version that serves on the same validation images. "
            + "Files are copied first, the pointer to the version last.") { Model, To, Force, Candidate, StorageArguments.Connection };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        ModelPackage package = ModelPackage.Open(arguments.GetValue(Model)!);
        ModelStore store = await ModelStores.OpenAsync(arguments.GetValue(To)!, arguments, cancellationToken);
        bool isWorse = await CompareAsync(package, store, cancellationToken);
        if (isWorse && !arguments.GetValue(Force))
        {
            throw new TrainingException($"{package.Manifest.Name} {package.Manifest.Version} is worse than the version that serves and was not published. Use "
                + "--force to publish it anyway.");
        }

        if (arguments.GetValue(Candidate))
        {
            await store.AddAsync(package, cancellationToken);
            Console.WriteLine($"Copied {package.Manifest.Name} {package.Manifest.Version} to {store.Location}. To try it, set "
                + $"Lentigo__Candidate={package.Manifest.Name}/{package.Manifest.Version} in the app.");
            return 0;
        }

        await store.PublishAsync(package, cancellationToken);
        Console.WriteLine($"Published {package.Manifest.Name} {package.Manifest.Version} to {store.Location}.");
        return 0;
    }

    /// <summary>Compares the package with the version that serves, prints both, and says whether it is worse.</summary>
    private static async Task<bool> CompareAsync(ModelPackage package, ModelStore store, CancellationToken cancellationToken)
    {
        ModelManifest candidate = package.Manifest;
        string? current;
        ModelManifest? serving;
        ValidationAnswers? answers = null;
        try
        {
            current = await store.ReadCurrentVersionAsync(candidate.Name, cancellationToken);
            serving = current is null ? null : await store.ReadManifestAsync(candidate.Name, current, cancellationToken);
            if (serving is not null && await store.ReadFileAsync(candidate.Name, current!, ValidationAnswers.FileName, cancellationToken) is { } json)
            {
                answers = ValidationAnswers.Parse(json, $"{store.Location}/{candidate.Name}/{current}/{ValidationAnswers.FileName}");
            }
        }
        catch (ModelPackageException e)
        {
            Console.WriteLine($"The version that serves cannot be read, so there is no comparison: {e.Message}");
            return false;
        }

        if (serving is null)
        {
            Console.WriteLine($"No version of {candidate.Name} serves yet.");
            return false;
        }

        if (current == candidate.Version)
        {
            Console.WriteLine($"{candidate.Name} {current} serves already; its files are written again.");
            return false;
        }

        if (ModelComparison.Of((candidate, ValidationAnswers.Read(package)), (serving, answers)) is not { } comparison)
        {
            Console.WriteLine($"{candidate.Name} {candidate.Version} and the version that serves, {current}, were not validated on the same images, or one of "
                + "them does not hold its validation answers: they cannot be compared.");
            return false;
        }

        CommandLine.Print($"{candidate.Name} on the same {comparison.Candidate.Count} validation images:");
        Table table = CommandLine.NewTable("", $"{current}\nserves", $"{candidate.Version}\ncandidate", "difference", "95 % interval");
        void Row(string name, double? before, double? after, ConfidenceInterval? difference) => table.AddRow(
            name, F(before, "0.000"), F(after, "0.000"), F(difference?.Value, "+0.000;-0.000"),
                difference is null ? "-" : $"{F(difference.Low, "+0.000;-0.000")} to {F(difference.High, "+0.000;-0.000")}");
        Row("accuracy", comparison.Serving.Accuracy, comparison.Candidate.Accuracy, comparison.Difference.Accuracy);
        Row("balanced accuracy", comparison.Serving.BalancedAccuracy, comparison.Candidate.BalancedAccuracy, comparison.Difference.BalancedAccuracy);
        Row("macro AUC", comparison.Serving.MacroAuc, comparison.Candidate.MacroAuc, comparison.Difference.MacroAuc);
        Row("malignant AUC", comparison.Serving.MalignantAuc, comparison.Candidate.MalignantAuc, comparison.Difference.MalignantAuc);
        CommandLine.Print(table);
        return comparison.IsWorse;
    }

    private static string F(double? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "-";
}
