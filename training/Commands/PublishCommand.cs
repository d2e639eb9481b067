using System.CommandLine;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Blobs;
using Lentigo.Core.Models;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>publish</c>.</summary>
internal static class PublishCommand
{
    private const string ConnectionVariable = "AZURE_STORAGE_CONNECTION_STRING";

    private static readonly Option<string> Model = new("--model") { Required = true, HelpName = "package", Description = "A package: a version's folder, or the folder above with current.json." };
    private static readonly Option<string> To = new("--to") { Required = true, HelpName = "folder|URL|container", Description = $"A folder; a container's URL, with a SAS or for the signed-in identity; or a container's name, with --connection or {ConnectionVariable}." };
    private static readonly Option<string?> Connection = new("--connection") { HelpName = "string", Description = "A storage connection string; UseDevelopmentStorage=true is Azurite." };

    public static Command Create()
    {
        Command command = new("publish", "Copies a package to where the app looks for models, its files first, the pointer to the version last.") { Model, To, Connection };
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellationToken)
    {
        ModelPackage package = ModelPackage.Open(arguments.GetValue(Model)!);
        ModelStore store = await StoreAsync(arguments.GetValue(To)!, arguments.GetValue(Connection), cancellationToken);
        await store.PublishAsync(package, cancellationToken);
        Console.WriteLine($"Published {package.Manifest.Name} {package.Manifest.Version} to {store.Location}.");
        return 0;
    }

    private static async Task<ModelStore> StoreAsync(string to, string? connection, CancellationToken cancellationToken)
    {
        if (Uri.TryCreate(to, UriKind.Absolute, out Uri? url) && url.Scheme is "https" or "http")
        {
            // A SAS travels in the query; without one the identity that is signed in (az login, managed identity) is used.
            return await CreatedAsync(url!.Query.Contains("sig=", StringComparison.Ordinal) ? new(url) : new(url, (TokenCredential)new DefaultAzureCredential()), create: false, cancellationToken);
        }

        connection ??= to.Contains('/', StringComparison.Ordinal) || Directory.Exists(to) ? null : Environment.GetEnvironmentVariable(ConnectionVariable);
        if (connection is null)
        {
            return new FolderModelStore(to);
        }

        try
        {
            return await CreatedAsync(new(connection, to), create: true, cancellationToken);
        }
        catch (FormatException e)
        {
            throw new UsageException($"The connection string is not one of Azure Storage: {e.Message}");
        }
    }

    private static async Task<ModelStore> CreatedAsync(BlobContainerClient container, bool create, CancellationToken cancellationToken)
    {
        if (create)
        {
            await container.CreateIfNotExistsAsync(cancellationToken: cancellationToken);
        }

        return new BlobModelStore(container, cacheFolder: Path.GetTempPath());
    }
}
