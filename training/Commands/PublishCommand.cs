using System.CommandLine;
using Lentigo.Core.Models;
using Lentigo.Training.Storage;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>publish</c>.</summary>
internal static class PublishCommand
{
    private static readonly Option<string> Model = new("--model") { Required = true, HelpName = "package", Description = "A package: a version's folder, or the folder above with current.json." };
    private static readonly Option<string> To = new("--to") { Required = true, HelpName = "folder|URL|container", Description = $"A folder; a container's URL, with a SAS or for the signed-in identity; or a container's name, with --connection or {StorageArguments.ConnectionVariable}." };

    public static Command Create()
    {
        Command command = new("publish", "Copies a package to where the app looks for models, its files first, the pointer to the version last.") { Model, To, StorageArguments.Connection };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        ModelPackage package = ModelPackage.Open(arguments.GetValue(Model)!);
        ModelStore store = await StoreAsync(arguments.GetValue(To)!, arguments, cancellationToken);
        await store.PublishAsync(package, cancellationToken);
        Console.WriteLine($"Published {package.Manifest.Name} {package.Manifest.Version} to {store.Location}.");
        return 0;
    }

    private static async Task<ModelStore> StoreAsync(string to, ParseResult arguments, CancellationToken cancellationToken)
    {
        bool isFolder = !StorageArguments.IsUrl(to) && arguments.GetValue(StorageArguments.Connection) is null
            && (to.Contains('/', StringComparison.Ordinal) || Directory.Exists(to) || StorageArguments.ConnectionOf(arguments) is null);
        if (isFolder)
        {
            Console.WriteLine($"Writing to the folder {Path.GetFullPath(to)}: --to is no URL, and {(to.Contains('/', StringComparison.Ordinal) || Directory.Exists(to) ? "is read as a path without --connection" : $"there is neither --connection nor {StorageArguments.ConnectionVariable}")}.");
            return new FolderModelStore(to);
        }

        BlobFolder folder = StorageArguments.Open(to, StorageArguments.ConnectionOf(arguments));
        if (folder.Prefix.Length > 0)
        {
            throw new UsageException($"Packages are published to a whole container, but {folder.Location} is a folder in one. Name the container alone.");
        }

        await StorageArguments.ReachAsync(folder, cancellationToken);
        return new BlobModelStore(folder.Container, cacheFolder: Path.GetTempPath());
    }
}
