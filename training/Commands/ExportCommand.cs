using System.CommandLine;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Packaging;
using Lentigo.Training.Storage;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>export</c>, also called <c>compose</c>.</summary>
internal static class ExportCommand
{
    private static readonly Option<string[]> Runs =
        new("--run") { HelpName = "folder", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true,
        Description = "Folders from train --out, or URLs from train --checkpoints, whose members become one ensemble; also the runs of all folds (train --fold "
        + "1/3, 2/3, 3/3)." };
    private static readonly Option<string?> Model =
        new("--model") { HelpName = "package",
        Description = "Instead of --run: a package from which --member is extracted into a separate package, without explanations, small enough for a phone." };
    private static readonly Option<string?> Member =
        new("--member") { HelpName = "name",
        Description = "The member of --model, e.g. mobilenet_v2. Its weights are kept; temperature, suitability and operating points are fitted again." };
    private static readonly Option<string> Out =
        new("--out") { Required = true, HelpName = "folder", Description = "Where the package (<version>/, current.json) goes, e.g. models/lentigo." };

    public static Command Create()
    {
        Command command = new("export",
            "Makes a package of trained members, from one machine or several: one ONNX graph, checked against TorchSharp, with its report.")
        {
            Runs, Model, Member, DataArguments.Data, Out, DataArguments.Split, DataArguments.Fold, DataArguments.SplitFile, DataArguments.AllowLeaks,
            DataArguments.Format, DataArguments.SkipMissing, DataArguments.NoCache, StorageArguments.Connection,
        };
        command.Aliases.Add("compose");
        PackageArguments.AddTo(command);
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        bool isCut = arguments.GetValue(Model) is not null;
        if (isCut == arguments.GetValue(Runs) is { Length: > 0 } || isCut == arguments.GetValue(Member) is null)
        {
            throw new UsageException("Give either --run, to make a package of trained members, or --model and --member, to take one member out of a package.");
        }

        if (isCut)
        {
            return await CutAsync(arguments, cancellationToken);
        }

        IReadOnlyList<TrainedMember> members = await LoadAsync(arguments, cancellationToken);
        using LesionDataSet data = await DataArguments.OpenAsync(arguments, members[0].State.Recipe.Size, cancellationToken);
        int folds = TrainedMember.SplitsOf(members);
        IReadOnlyList<DataSetSplit> splits = folds == 1 ? [DataArguments.SplitOf(arguments, data)] : DataArguments.FoldsOf(arguments, data, folds);
        PackageArguments.Write(members, data, splits, arguments.GetValue(Out)!, arguments);
        return 0;
    }

    private static async Task<int> CutAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        if (arguments.GetResult(PackageArguments.Precision) is { Implicit: false })
        {
            throw new UsageException("--precision cannot be combined with --member: the weights stay as the package stores them.");
        }

        ModelPackage source = ModelPackage.Open(arguments.GetValue(Model)!);
        string member = arguments.GetValue(Member)!;
        using LesionDataSet data = await DataArguments.OpenAsync(arguments, source.Manifest.Input.Size, cancellationToken);
        Console.WriteLine($"Extracting {member} from {source.Manifest.Name} {source.Manifest.Version} ...");
        (ModelPackage package, EvaluationReport metrics) =
            MemberPackage.Write(source, member, data, DataArguments.SplitOf(arguments, data), arguments.GetValue(Out)!, PackageArguments.Of(arguments));
        EvaluationTables.Print(metrics, package.Manifest);
        Console.WriteLine($"The graph gives the logits that it gave in the ensemble. It takes {new FileInfo(package.OnnxPath).Length / 1e6:f1} MB, its "
            + $"temperature is {package.Manifest.Temperature}.");
        Console.WriteLine($"The package is {package.Folder}; its report is report.html there.");
        return 0;
    }

    private static async Task<IReadOnlyList<TrainedMember>> LoadAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        DirectoryInfo fetched = Directory.CreateTempSubdirectory("lentigo-runs-");
        try
        {
            List<string> folders = [];
            foreach (string run in arguments.GetValue(Runs)!)
            {
                folders.Add(StorageArguments.IsUrl(run)
                    ? await FetchAsync(StorageArguments.Open(run, StorageArguments.ConnectionOf(arguments)),
                        Path.Combine(fetched.FullName, $"{folders.Count + 1}"), cancellationToken)
                    : run);
            }

            return TrainedMember.LoadAll(folders);
        }
        finally
        {
            fetched.Delete(recursive: true);
        }
    }

    // What train --checkpoints copied lies side by side; of it the best weights and the log are needed.
    private static async Task<string> FetchAsync(BlobFolder run, string folder, CancellationToken cancellationToken)
    {
        Console.WriteLine($"Fetching the members of {run.Location} ...");
        try
        {
            string[] names = [.. (await run.ListAsync(cancellationToken)).Select(b => b.Name)
                .Where(n => n.EndsWith(RunFiles.BestSuffix, StringComparison.Ordinal) || n == RunFiles.LogFileName)];
            if (!names.Any(n => n != RunFiles.LogFileName))
            {
                throw new TrainingException($"{run.Location} holds no trained member: there is no <member>{RunFiles.BestSuffix}. Name a URL that was given to "
                    + "'train --checkpoints'.");
            }

            foreach (string name in names)
            {
                await run.DownloadAsync(name,
                    name == RunFiles.LogFileName ? Path.Combine(folder, name) : Path.Combine(folder, RunFiles.CheckpointFolder, name), progress: null,
                    cancellationToken);
            }
        }
        catch (Exception e) when (BlobFolder.IsStorageFailure(e))
        {
            throw new TrainingException($"The members of {run.Location} cannot be fetched: {e.Message.Split('\n')[0]} Check --run, and that the SAS or "
                + "identity may read and list.", e);
        }

        return folder;
    }
}
