namespace Lentigo.Training.Tests.Commands;

/// <summary>Every verb that splits a data set says which images are copies of one picture, and does not train on one and validate on the other.</summary>
public sealed class CopiesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CopiesTests()
    {
        SyntheticLesions.WriteHam10000(_folder["data"], perClass: 4, size: 64);
        string Image(int i) => _folder[Path.Combine("data", "HAM10000_images_part_1", $"ISIC_{i:D7}.jpg")];
        File.Copy(Image(3), Image(17), overwrite: true);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Inspect_split_and_train_name_copies_and_keep_them_together()
    {
        const string says = "2 images are copies of 1 pictures (such as ISIC_0000003 = ISIC_0000017): all copies of a picture are on the same side of the "
            + "split.";
        var inspected = await LentigoConsole.RunAsync("data", "inspect", "--data", _folder["data"], "--no-cache");
        Assert.Contains(says, inspected.Output, StringComparison.Ordinal);
        var split = await LentigoConsole.RunAsync("data", "split", "--data", _folder["data"], "--no-cache", "--out", _folder["split.csv"]);
        Assert.Contains(says, split.Output, StringComparison.Ordinal);

        string[] train = ["train", "--data", _folder["data"], "--members", "mobilenet_v2", "--size", "32", "--epochs", "1", "--batch", "8", "--no-cache",
            "--threads", "1"];
        var trained = await LentigoConsole.RunAsync([.. train, "--out", _folder["run"], "--split-file", _folder["split.csv"]]);
        Assert.True(trained.ExitCode == 0, trained.Error);

        string[] lines = File.ReadAllLines(_folder["split.csv"]);
        bool trainedOn = lines.Contains("ISIC_0000003,train");
        File.WriteAllLines(_folder["leak.csv"],
            lines.Select(l => l.StartsWith("ISIC_0000017", StringComparison.Ordinal) ? $"ISIC_0000017,{(trainedOn ? "val" : "train")}" : l));
        var refused = await LentigoConsole.RunAsync([.. train, "--out", _folder["leak"], "--split-file", _folder["leak.csv"]]);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("1 pictures (the first: ISIC_0000003 = ISIC_0000017)", refused.Error, StringComparison.Ordinal);
        Assert.Contains("--allow-leaks", refused.Error, StringComparison.Ordinal);
        var allowed = await LentigoConsole.RunAsync("data", "inspect", "--data", _folder["data"], "--no-cache", "--split-file", _folder["leak.csv"],
            "--allow-leaks");
        Assert.Contains("validation metrics would be too optimistic", allowed.Output, StringComparison.Ordinal);
    }
}
