using Lentigo.Core.Models;

namespace Lentigo.Core.Tests.Models;

public sealed class PackageCacheTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("lentigo-cache-").FullName;

    private string Folder => Path.Combine(root, "cache", "lentigo");

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task The_last_two_packages_are_kept()
    {
        foreach (string version in (string[])["1", "2", "3", "1", "4"])
        {
            ModelPackage package = await AddAsync(version);
            Assert.Equal(version, package.Manifest.Version);
            await Task.Delay(20, TestContext.Current.CancellationToken); // file times are coarse
        }

        Assert.Equal(["1", "4"], Directory.EnumerateDirectories(Folder).Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task A_package_that_another_process_left_half_written_is_refused()
    {
        await AddAsync("1");
        await File.WriteAllTextAsync(Path.Combine(Folder, "1", ModelManifest.OnnxFileName), "half", TestContext.Current.CancellationToken);
        ModelPackageException refused = await Assert.ThrowsAsync<ModelPackageException>(() => PackageCache.AddAsync(Folder, "1", _ => Task.CompletedTask, TestContext.Current.CancellationToken));
        Assert.Contains("corrupt", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_at_a_time_changes_the_cache()
    {
        int inside = 0, most = 0;
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => PackageCache.AddAsync(
            Folder,
            "1",
            async folder =>
            {
                most = Math.Max(most, Interlocked.Increment(ref inside));
                await Task.Delay(30, TestContext.Current.CancellationToken);
                await WriteAsync(folder, "1");
                Interlocked.Decrement(ref inside);
            },
            TestContext.Current.CancellationToken)));
        Assert.Equal(1, most);
    }

    private Task<ModelPackage> AddAsync(string version) => PackageCache.AddAsync(Folder, version, folder => WriteAsync(folder, version), TestContext.Current.CancellationToken);

    private static async Task WriteAsync(string folder, string version)
    {
        string onnx = Path.Combine(folder, ModelManifest.OnnxFileName);
        await File.WriteAllTextAsync(onnx, "graph " + version);
        await File.WriteAllTextAsync(Path.Combine(folder, ModelManifest.FileName), $$"""
            { "name": "lentigo", "version": "{{version}}", "created": "2026-01-01T00:00:00Z", "classes": ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"],
              "members": [ { "name": "m", "architecture": "m", "parameters": 1, "weight": 1 } ], "input": { "size": 64 }, "files": { "ensemble.onnx": "{{ModelPackage.Hash(onnx)}}" } }
            """);
    }
}
