using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.Training.Tests.Storage;

/// <summary>An Azurite of the tests' own, empty and on free ports.</summary>
public sealed class StorageAccount : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private Azurite? _azurite;

    /// <summary>The account's connection string.</summary>
    public string Connection { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        (int blobs, int queues) = (Azurite.FreePort(), Azurite.FreePort());
        Connection = Azurite.ConnectionString(blobs, queues);
        _azurite = await Azurite.StartAsync(Root(), _folder.Path, blobs, queues, _ => { }, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        if (_azurite is not null)
        {
            await _azurite.DisposeAsync();
        }

        _folder.Dispose();
    }

    /// <summary>A container that exists, of a name that no other test has.</summary>
    public async Task<BlobContainerClient> NewContainerAsync()
    {
        BlobContainerClient container = new(Connection, $"c{Guid.NewGuid():n}");
        await container.CreateAsync();
        return container;
    }

    /// <summary>The URL of a folder of a container with a SAS of these permissions.</summary>
    public static string Url(BlobContainerClient container, string folder = "", BlobContainerSasPermissions permissions = BlobContainerSasPermissions.All)
    {
        UriBuilder url = new(container.GenerateSasUri(permissions, DateTimeOffset.UtcNow.AddHours(1)));
        url.Path += folder.Length > 0 ? "/" + folder : "";
        return url.Uri.AbsoluteUri;
    }

    private static string Root()
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "package-lock.json")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests run outside of the repository: there is no package-lock.json above them.");
        }

        return folder.FullName;
    }
}
