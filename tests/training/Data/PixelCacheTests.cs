using Lentigo.Training.Data;

namespace Lentigo.Training.Tests.Data;

public sealed class PixelCacheTests : IDisposable
{
    private readonly TemporaryFolder _data = new(), _cache = new();
    private readonly List<string> _warnings = [];
    private int _decoded;

    public PixelCacheTests() => SyntheticLesions.WriteHam10000(_data.Path, perClass: 2, size: 40);

    public void Dispose()
    {
        _data.Dispose();
        _cache.Dispose();
    }

    [Fact]
    public void The_second_reading_decodes_nothing_and_gives_the_same()
    {
        (string first, string second) = (Read(), Read());
        Assert.Equal(14, _decoded);
        Assert.Equal(first, second);
        Assert.Empty(_warnings);
    }

    [Fact]
    public void Another_size_or_a_changed_file_is_decoded_anew()
    {
        Read();
        Read(size: 24);
        Assert.Equal(28, _decoded);
        File.SetLastWriteTimeUtc(Directory.GetFiles(_data["HAM10000_images_part_1"])[0], new DateTime(2001, 1, 1, 0, 0, 0, DateTimeKind.Utc));
        Read();
        Assert.Equal(42, _decoded);
    }

    [Theory]
    [InlineData(0)] // the signature
    [InlineData(20)] // the images' sizes
    [InlineData(5000)] // a pixel
    [InlineData(-1)] // the hash
    public void A_byte_that_changed_is_noticed_and_the_entry_rebuilt(int at)
    {
        string expected = Read();
        string entry = Assert.Single(Directory.GetFiles(_cache.Path));
        byte[] bytes = File.ReadAllBytes(entry);
        bytes[at < 0 ? bytes.Length - 1 : at] ^= 1;
        File.WriteAllBytes(entry, bytes);
        Assert.Equal(expected, Read());
        Assert.Contains("damaged", Assert.Single(_warnings), StringComparison.Ordinal);
        Assert.Equal(28, _decoded);
        Read();
        Assert.Equal(28, _decoded);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(9000)]
    public void An_entry_that_is_cut_short_is_rebuilt(int length)
    {
        string expected = Read();
        string entry = Assert.Single(Directory.GetFiles(_cache.Path));
        File.WriteAllBytes(entry, File.ReadAllBytes(entry)[..length]);
        Assert.Equal(expected, Read());
        Assert.Single(_warnings);
        Assert.Equal(28, _decoded);
    }

    [Fact]
    public void Where_nothing_can_be_kept_the_images_are_read_all_the_same()
    {
        string file = _cache["a file"];
        File.WriteAllText(file, "");
        using LesionDataSet data = DataSets.Open(_data.Path, 32, skipMissing: false, _warnings.Add, new PixelCache(file),
            cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(14, data.Count);
        Assert.Contains("--no-cache", Assert.Single(_warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Decoding_that_is_stopped_keeps_nothing()
    {
        using CancellationTokenSource stop = new();
        Assert.ThrowsAny<OperationCanceledException>(() =>
            DataSets.Open(_data.Path, 32, skipMissing: false, _warnings.Add, new PixelCache(_cache.Path), new Counter(stop.Cancel),
            cancellationToken: stop.Token));
        Assert.Empty(Directory.GetFiles(_cache.Path));
    }

    [Fact]
    public void Entries_that_nobody_reads_are_deleted_in_the_end()
    {
        string old = _cache["old.pixels"];
        File.WriteAllText(old, "");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow - PixelCache.Kept - TimeSpan.FromHours(1));
        Read();
        Assert.False(File.Exists(old));
    }

    private string Read(int size = 32)
    {
        using LesionDataSet data = DataSets.Open(_data.Path, size, skipMissing: false, _warnings.Add, new PixelCache(_cache.Path),
            new Counter(() => Interlocked.Increment(ref _decoded)), cancellationToken: TestContext.Current.CancellationToken);
        return $"{data.Fingerprint} {string.Join(',', data.Records)}";
    }

    private sealed class Counter(Action decoded) : IProgress<(long, long?)>
    {
        public void Report((long, long?) value) => decoded();
    }
}
