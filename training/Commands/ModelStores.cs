using System.CommandLine;
using Lentigo.Core.Models;
using Lentigo.Training.Storage;

namespace Lentigo.Training.Commands;

/// <summary>How the verbs name the place where the app looks for models.</summary>
internal static class ModelStores
{
    /// <summary>What such an option takes.</summary>
    public const string HelpName = "folder|URL|container";

    /// <summary>The description of such an option.</summary>
    public const string Description =
        "A folder; a container's URL (with a SAS, or as the signed-in identity); or a container's name, with --connection or "
        + $"{StorageArguments.ConnectionVariable}.";

    /// <summary>Opens the store.</summary>
    /// <exception cref="UsageException">The place is not understood.</exception>
    /// <exception cref="TrainingException">The account does not answer.</exception>
    public static async Task<ModelStore> OpenAsync(string place, ParseResult arguments, CancellationToken cancellationToken)
    {
        bool isPath = place.Contains('/', StringComparison.Ordinal) || Directory.Exists(place);
        if (!StorageArguments.IsUrl(place) && arguments.GetValue(StorageArguments.Connection) is null
            && (isPath || StorageArguments.ConnectionOf(arguments) is null))
        {
            Console.WriteLine($"Using the folder {Path.GetFullPath(place)}: {place} is no URL, and "
                + $"{(isPath ? "is read as a path without --connection" : $"there is neither --connection nor {StorageArguments.ConnectionVariable}")}.");
            return new FolderModelStore(place);
        }

        BlobFolder folder = StorageArguments.Open(place, StorageArguments.ConnectionOf(arguments));
        if (folder.Prefix.Length > 0)
        {
            throw new UsageException($"Packages are published to a whole container, but {folder.Location} is a folder in one. Name the container alone.");
        }

        await StorageArguments.ReachAsync(folder, cancellationToken);
        return new BlobModelStore(folder.Container, BlobModelStore.DefaultCacheFolder);
    }
}
