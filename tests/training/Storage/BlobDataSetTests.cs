using Azure.Storage.Blobs;
using Azure.Storage.Sas;
using Lentigo.Training.Data;
using Lentigo.Training.Storage;
using Lentigo.Training.Tests.Commands;

namespace Lentigo.Training.Tests.Storage;

public sealed class BlobDataSetTests(StorageAccount account) : IClassFixture<StorageAccount>, IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_data_set_that_was_pushed_is_the_same_when_it_is_fetched()
    {
        string data = WriteData();
        BlobContainerClient container = await account.NewContainerAsync();
        (int code, string output, string error) =
            await LentigoConsole.RunAsync("data", "push", "--data", data, "--to", StorageAccount.Url(container, "sets/ham"));
        Assert.True(code == 0, error);
        Assert.Contains("15 were uploaded, 0 were there", output, StringComparison.Ordinal);
        Assert.DoesNotContain("sig=", output, StringComparison.Ordinal);

        string copy = await FetchAsync(new(container, "sets/ham"));
        using LesionDataSet original = Open(data), fetched = Open(copy);
        Assert.Equal(original.Fingerprint, fetched.Fingerprint);
        Assert.Equal(original.Records, fetched.Records);
    }

    [Fact]
    public async Task What_is_there_is_neither_uploaded_nor_downloaded_again()
    {
        string data = WriteData();
        BlobContainerClient container = await account.NewContainerAsync();
        string[] push = ["data", "push", "--data", data, "--to", container.Name, "--connection", account.Connection];
        await LentigoConsole.RunAsync(push);
        string image = Path.Combine("HAM10000_images_part_1", "ISIC_0000003.jpg");
        SyntheticLesions.WriteImage(Path.Combine(data, image), 6, 99, 40);
        Assert.Contains("1 were uploaded, 14 were there", (await LentigoConsole.RunAsync(push)).Output, StringComparison.Ordinal);

        string copy = await FetchAsync(new(container));
        Assert.Equal(15, Directory.GetFiles(copy, "*", SearchOption.AllDirectories).Length);
        List<long> downloaded = [];
        await BlobDataSet.FetchAsync(new(container), _folder["cache"], new Reports(downloaded), TestContext.Current.CancellationToken);
        Assert.Empty(downloaded);

        File.WriteAllText(Path.Combine(copy, image), "damaged");
        await container.GetBlobClient("HAM10000_images_part_1/ISIC_0000005.jpg").DeleteAsync(cancellationToken: TestContext.Current.CancellationToken);
        await BlobDataSet.FetchAsync(new(container), _folder["cache"], new Reports(downloaded), TestContext.Current.CancellationToken);
        Assert.Equal(File.ReadAllBytes(Path.Combine(data, image)), File.ReadAllBytes(Path.Combine(copy, image)));
        Assert.Single(downloaded);
        Assert.False(File.Exists(Path.Combine(copy, "HAM10000_images_part_1", "ISIC_0000005.jpg")));
        Assert.Equal(14, Directory.GetFiles(copy, "*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task A_single_npz_is_pushed_and_fetched_too()
    {
        Data.DataSetTests.WriteNpz(_folder["derma.npz"], ["train", "val"], count: 9, side: 28, labels: "|u1");
        BlobContainerClient container = await account.NewContainerAsync();
        await LentigoConsole.RunAsync("data", "push", "--data", _folder["derma.npz"], "--to", $"{container.Name}/sets", "--connection", account.Connection);
        string copy = await FetchAsync(new(container, "sets/derma.npz"));
        Assert.Equal(File.ReadAllBytes(_folder["derma.npz"]), File.ReadAllBytes(copy));
    }

    [Fact]
    public async Task A_training_reads_its_data_from_a_container()
    {
        string data = WriteData();
        BlobContainerClient container = await account.NewContainerAsync();
        await LentigoConsole.RunAsync("data", "push", "--data", data, "--to", container.Name, "--connection", account.Connection);
        using LentigoConsole.Running training = LentigoConsole.Start(
            new Dictionary<string, string> { ["XDG_CACHE_HOME"] = _folder["cache"], ["OMP_NUM_THREADS"] = "1" },
            "train", "--data", StorageAccount.Url(container, permissions: BlobContainerSasPermissions.Read | BlobContainerSasPermissions.List),
            "--out", _folder["run"], "--members", "mobilenet_v2", "--size", "16", "--epochs", "1", "--batch", "4", "--device", "cpu");
        await training.UntilItSaysAsync("epoch 1:");
        Assert.DoesNotContain("sig=", training.Said, StringComparison.Ordinal);
        // at the input's size, and at the size that copies are looked for
        Assert.Equal(2, Directory.GetFiles(_folder[Path.Combine("cache", "lentigo", "pixels")]).Length);
    }

    [Fact]
    public async Task An_empty_container_a_missing_one_and_a_wrong_key_each_get_a_sentence()
    {
        BlobContainerClient container = await account.NewContainerAsync();
        await FailsAsync("holds no images and no tables", StorageAccount.Url(container));
        await FailsAsync("The specified container does not exist", StorageAccount.Url(container).Replace(container.Name, "c-none", StringComparison.Ordinal),
            1, "signature");
        await FailsAsync("", StorageAccount.Url(container).Replace("sig=", "sig=AA", StringComparison.Ordinal));
        await FailsAsync("is not one of Azure Storage", "container", 2, "", "--connection", "nonsense");
        await FailsAsync("must not contain the folders . and ..", "container/../other", 2, "", "--connection", account.Connection);
    }

    private static async Task FailsAsync(string says, string data, int exitCode = 1, string or = "", params string[] more)
    {
        (int code, string output, string error) = await LentigoConsole.RunAsync(["data", "inspect", "--data", data, .. more]);
        Assert.Equal(exitCode, code);
        Assert.True(error.Contains(says, StringComparison.Ordinal) || (or.Length > 0 && error.Contains(or, StringComparison.OrdinalIgnoreCase)), error);
        Assert.DoesNotContain("sig=", output + error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    private Task<string> FetchAsync(BlobFolder source) =>
        BlobDataSet.FetchAsync(source, _folder["cache"], progress: null, TestContext.Current.CancellationToken);

    private static LesionDataSet Open(string path) =>
        DataSets.Open(path, 32, skipMissing: false, Assert.Fail, cancellationToken: TestContext.Current.CancellationToken);

    private string WriteData()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 2, size: 40);
        return _folder["data"];
    }

    private sealed class Reports(List<long> done) : IProgress<(long Done, long? Total)>
    {
        public void Report((long Done, long? Total) value)
        {
            lock (done)
            {
                done.Add(value.Done);
            }
        }
    }
}
