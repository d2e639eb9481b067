using System.Text.Json;
using Azure.Storage.Blobs;
using Lentigo.Core;
using Lentigo.Core.Models;

namespace Lentigo.EndToEnd.Tests;

/// <summary>The small model that ships under another version, good or broken, put into the container <c>models</c>.</summary>
internal static class PackageCopy
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static async Task PublishAsync(RunningApp app, string version, string name = RunningApp.Model, Func<ModelManifest, ModelManifest>? change = null, Action<Dictionary<string, byte[]>>? damage = null)
    {
        BlobContainerClient container = app.Blobs.GetBlobContainerClient("models");
        ModelPackage shipped = ModelPackage.Open(Repository.SmallModel);
        Dictionary<string, byte[]> files = shipped.Manifest.Files.Keys.ToDictionary(f => f, f => File.ReadAllBytes(Path.Combine(shipped.Folder, f)));
        ModelManifest manifest = shipped.Manifest with { Name = name, Version = version };
        manifest = change?.Invoke(manifest) ?? manifest;
        files[ModelManifest.FileName] = JsonSerializer.SerializeToUtf8Bytes(manifest, LentigoJson.Default.ModelManifest);
        damage?.Invoke(files);
        foreach ((string file, byte[] content) in files)
        {
            await container.GetBlobClient($"{name}/{version}/{file}").UploadAsync(BinaryData.FromBytes(content), overwrite: true, Cancellation);
        }

        await PointAsync(app, version, name);
    }

    public static async Task PointAsync(RunningApp app, string version, string name = RunningApp.Model) =>
        await app.Blobs.GetBlobContainerClient("models").GetBlobClient($"{name}/{CurrentVersion.FileName}")
            .UploadAsync(BinaryData.FromString($$"""{"version": "{{version}}"}"""), overwrite: true, Cancellation);
}
