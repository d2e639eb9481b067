using Azure.Storage.Blobs;
using Azure.Storage.Queues;
using Lentigo.Functions.Local.Setup;

[assembly: AssemblyFixture(typeof(Lentigo.Functions.Local.Tests.AzuriteFixture))]

namespace Lentigo.Functions.Local.Tests;

/// <summary>A storage account of the test run's own.</summary>
public sealed class AzuriteFixture : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("lentigo-azurite-").FullName;
    private Azurite? azurite;

    public string ConnectionString { get; private set; } = "";

    public BlobServiceClient Blobs => new(ConnectionString);

    public QueueServiceClient Queues => new(ConnectionString, new QueueClientOptions { MessageEncoding = QueueMessageEncoding.Base64 });

    public async ValueTask InitializeAsync()
    {
        int blobPort = Azurite.FreePort(), queuePort = Azurite.FreePort();
        azurite = await Azurite.StartAsync(RepositoryRoot(), folder, blobPort, queuePort, Console.WriteLine, TestContext.Current.CancellationToken);
        ConnectionString = Azurite.ConnectionString(blobPort, queuePort);
    }

    public async ValueTask DisposeAsync()
    {
        if (azurite is not null)
        {
            await azurite.DisposeAsync();
        }

        Directory.Delete(folder, recursive: true);
    }

    private static string RepositoryRoot()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "package-lock.json")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not run below the repository.");
        }

        return folder.FullName;
    }
}
