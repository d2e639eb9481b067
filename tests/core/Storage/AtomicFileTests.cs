using Lentigo.Core.Storage;

namespace Lentigo.Core.Tests.Storage;

public sealed class AtomicFileTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lentigo-atomic-");

    private string Target => Path.Combine(_folder.FullName, "file");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_file_is_replaced_and_nothing_else_is_left(bool isShared)
    {
        AtomicFile.Write(Target, "old");
        await AtomicFile.WriteAsync(Target, async partial =>
        {
            await File.WriteAllTextAsync(partial, "new", TestContext.Current.CancellationToken);
            // readers see the old file until the new one is complete
            Assert.Equal("old", await File.ReadAllTextAsync(Target, TestContext.Current.CancellationToken));
        }, isShared);
        Assert.Equal("new", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFiles(_folder.FullName));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_write_that_fails_keeps_the_old_file_and_removes_the_partial_one(bool isShared)
    {
        AtomicFile.Write(Target, "old");
        Assert.Throws<IOException>(() => AtomicFile.Write(Target, partial =>
        {
            File.WriteAllText(partial, "ne");
            throw new IOException("the disk is full");
        }, isShared));
        Assert.Equal("old", File.ReadAllText(Target));
        Assert.Equal([Target], Directory.GetFiles(_folder.FullName));
    }
}
