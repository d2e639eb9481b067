using System.Text.Json;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;

namespace Lentigo.Core.Tests.Models;

public sealed class ModelPackageTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("lentigo-package-").FullName;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void A_name_folder_is_followed_to_its_current_version()
    {
        string version = Write("lentigo", "1");
        Write("lentigo", "2");
        Point("lentigo", "1");
        Assert.Equal("1", ModelPackage.Open(Path.Combine(root, "lentigo")).Manifest.Version);
        Assert.Equal(version, ModelPackage.Open(version).Folder);
    }

    [Fact]
    public void A_changed_file_is_refused_by_its_hash()
    {
        string version = Write("lentigo", "1");
        File.AppendAllText(Path.Combine(version, ModelManifest.OnnxFileName), "x");
        Assert.Contains("corrupt", Refusal(version), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_file_folder_or_manifest_is_named()
    {
        string version = Write("lentigo", "1");
        File.Delete(Path.Combine(version, ModelManifest.OnnxFileName));
        Assert.Contains("lacks ensemble.onnx", Refusal(version), StringComparison.Ordinal);
        Assert.Contains("does not exist", Refusal(Path.Combine(root, "absent")), StringComparison.Ordinal);
        Assert.Contains("is no model package", Refusal(root), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not json", "not a valid manifest")]
    [InlineData("null", "it is empty")]
    [InlineData("""{"name":"a","version":"1","created":"2026-01-01T00:00:00Z","classes":["x"],"members":[],"input":{"size":64},"files":{}}""", "its classes are x")]
    public void A_manifest_that_cannot_be_used_says_why(string json, string reason)
    {
        string folder = Path.Combine(root, "m", "1");
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, ModelManifest.FileName), json);
        Assert.Contains(reason, Refusal(folder), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(NamesThatAreNotPlain))]
    public void A_manifest_cannot_name_anything_outside_its_folder(string name)
    {
        foreach (Func<ModelManifest, ModelManifest> change in (Func<ModelManifest, ModelManifest>[])
            [
                m => m with { Files = new Dictionary<string, string>(m.Files) { [name] = new string('0', 64) } },
                m => m with { Name = name },
                m => m with { Version = name },
            ])
        {
            Assert.Contains("not a plain file name", Refusal(Write("lentigo", "1", change)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(NamesThatAreNotPlain))]
    public async Task A_store_neither_reads_nor_writes_outside_itself(string name)
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        FolderModelStore store = new(Path.Combine(root, "store"));
        await RefusedAsync(() => store.ReadCurrentVersionAsync(name, cancellation));
        await RefusedAsync(() => store.FetchAsync(name, "1", cancellation));
        await RefusedAsync(() => store.FetchAsync("lentigo", name, cancellation));
        await RefusedAsync(() => store.ReadFileAsync("lentigo", "1", name, cancellation));
        await RefusedAsync(() => store.ListVersionsAsync(name, cancellation));
        await RefusedAsync(() => store.PointToAsync(name, "1", cancellation));
        await RefusedAsync(() => store.PointToAsync("lentigo", name, cancellation));
        Assert.Empty(Directory.EnumerateFileSystemEntries(root));

        static async Task RefusedAsync(Func<Task> call) =>
            Assert.Contains("not a plain file name", (await Assert.ThrowsAsync<ModelPackageException>(call)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("20261126-021124")]
    [InlineData("resnet18@1")]
    [InlineData("_a.b-c+d")]
    [InlineData("Härtefall")]
    public void Plain_names_are_taken(string name) => Assert.Equal(name, ModelPackage.Open(Write("lentigo", "1", m => m with { Version = name })).Manifest.Version);

    public static TheoryData<string> NamesThatAreNotPlain { get; } =
        ["", ".", "..", "../../x", "a/b", "a/../b", "..\\x", "/etc/passwd", "C:\\x", "C:x", "a\0b", "a\n", "a.", ".a", "-a", "a b", "a%2Fb", "a?b", "a#b", "con", "NUL.txt", "com1", new string('a', 129)];

    [Fact]
    public void Members_that_a_manifest_lacks_have_their_defaults()
    {
        ModelManifest manifest = ModelPackage.ParseManifest(
            """
            { "name": "a", "version": "1", "created": "2026-01-01T00:00:00Z", "classes": ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"],
              "members": [ { "name": "m", "architecture": "m", "parameters": 1, "weight": 1 } ], "input": { "size": 64 }, "files": { "ensemble.onnx": "00" },
              "data": { "name": "d", "fingerprint": "f", "split": "lesion", "splitFingerprint": "s", "trainCount": 1, "valCount": 1 } }
            """u8, "manifest.json");
        Assert.Equal((1.0, "none", "float32", LesionClasses.Notice), (manifest.Temperature, manifest.Flips, manifest.Precision, manifest.Notice));
        Assert.Equal((ModelInput.Squash, ModelInput.BilinearAntialiased), (manifest.Input.Geometry, manifest.Input.Kernel));
        Assert.Equal((1, (int?)null), (manifest.Data!.Folds, manifest.Members[0].Fold));
        Assert.Null(manifest.OperatingPoints ?? (object?)manifest.Suitability ?? manifest.Quality ?? (object?)manifest.Prior);
    }

    [Fact]
    public async Task A_store_lists_models_and_versions_newest_first_and_points_back_to_an_earlier_one()
    {
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        FolderModelStore store = new(root);
        Assert.Empty(await store.ListModelsAsync(cancellation));
        foreach (string version in (string[])["20260101-000000", "20260301-000000", "20260201-000000"])
        {
            Write("lentigo", version);
        }

        Write("another", "1");
        Directory.CreateDirectory(Path.Combine(root, "lentigo", ".20260401-000000.partial"));
        Assert.Equal(["another", "lentigo"], await store.ListModelsAsync(cancellation));
        Assert.Equal(["20260301-000000", "20260201-000000", "20260101-000000"], await store.ListVersionsAsync("lentigo", cancellation));
        Assert.Empty(await store.ListVersionsAsync("absent", cancellation));
        await store.PointToAsync("lentigo", "20260201-000000", cancellation);
        Assert.Equal("20260201-000000", await store.ReadCurrentVersionAsync("lentigo", cancellation));
        Assert.Equal("20260101-000000", (await store.ReadManifestAsync("lentigo", "20260101-000000", cancellation))!.Version);
        Assert.Null(await store.ReadManifestAsync("lentigo", "absent", cancellation));
        await Assert.ThrowsAsync<ModelPackageException>(() => store.ReadManifestAsync("lentigo", "../another", cancellation));
    }

    [Fact]
    public async Task Publishing_to_a_folder_copies_the_package_and_moves_the_pointer()
    {
        ModelPackage package = ModelPackage.Open(Write("lentigo", "1"));
        FolderModelStore store = new(Path.Combine(root, "published"));
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        Assert.Null(await store.ReadCurrentVersionAsync("lentigo", cancellation));

        await store.PublishAsync(package, cancellation);

        Assert.Equal("1", await store.ReadCurrentVersionAsync("lentigo", cancellation));
        Assert.Equal(package.Manifest.Files, (await store.FetchAsync("lentigo", "1", cancellation)).Manifest.Files);
    }

    [Fact]
    public void A_graph_that_is_no_onnx_file_is_refused() =>
        Assert.Contains(
            "cannot load",
            Assert.Throws<ModelPackageException>(() =>
                EnsembleModel.Load(ModelPackage.Open(Write("lentigo", "1")), new() { Device = InferenceDevice.Cpu })).Message,
            StringComparison.Ordinal);

    private string Write(string name, string version, Func<ModelManifest, ModelManifest>? change = null)
    {
        string folder = Path.Combine(root, name, version);
        Directory.CreateDirectory(folder);
        string onnx = Path.Combine(folder, ModelManifest.OnnxFileName);
        File.WriteAllText(onnx, "not a graph");
        ModelManifest manifest = new()
        {
            Name = name,
            Version = version,
            Created = DateTimeOffset.UnixEpoch,
            Classes = LesionClasses.Codes,
            Members = [new("resnet18", "resnet18", 11_180_103, 1)],
            Input = new(64),
            Files = new Dictionary<string, string> { [ModelManifest.OnnxFileName] = ModelPackage.Hash(onnx) },
        };
        manifest = change?.Invoke(manifest) ?? manifest;
        File.WriteAllBytes(Path.Combine(folder, ModelManifest.FileName), JsonSerializer.SerializeToUtf8Bytes(manifest, LentigoJson.Default.ModelManifest));
        return folder;
    }

    private void Point(string name, string version) =>
        File.WriteAllBytes(Path.Combine(root, name, CurrentVersion.FileName),
            JsonSerializer.SerializeToUtf8Bytes(new CurrentVersion(version), LentigoJson.Default.CurrentVersion));

    private static string Refusal(string path) => Assert.Throws<ModelPackageException>(() => ModelPackage.Open(path)).Message;
}
