using Lentigo.Core.Models;
using Lentigo.Functions.Serving;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lentigo.Functions.Tests;

public sealed class ModelFollowerTests : IDisposable
{
    private static readonly ServingOptions Options = new() { Model = "lentigo-fast", ModelPollInterval = TimeSpan.FromMilliseconds(20) };
    private readonly CurrentModel current = new();
    private readonly ServingMetrics metrics = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        current.Dispose();
        metrics.Dispose();
    }

    [Fact]
    public async Task A_model_that_a_full_disk_cannot_take_is_refused_with_the_reason_and_loaded_once_there_is_room()
    {
        Clock clock = new();
        FullDisk store = new();
        using ModelFollower follower = new(store, current, metrics, Options, clock, NullLogger<ModelFollower>.Instance);
        await follower.StartAsync(Cancellation);
        while (current.Refused is null)
        {
            await Task.Delay(5, Cancellation);
        }

        Assert.Contains("No space left", current.Refused.Reason, StringComparison.Ordinal);
        clock.Now -= TimeSpan.FromHours(2); // a clock that is set back does not put off the next try
        store.HasRoom = true;
        await current.Loaded.WaitAsync(TimeSpan.FromMinutes(1), Cancellation);
        Assert.Null(current.Refused);
        await follower.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData(10, false)]
    [InlineData(61, true)]
    [InlineData(-60, false)] // clocks differ by some seconds
    [InlineData(-3600, true)] // this machine's clock was set back by an hour
    public void An_image_is_classified_again_after_a_minute_whatever_the_clock_says(int ageInSeconds, bool isDue) =>
        Assert.Equal(isDue, LesionReconciliation.IsDue(TimeSpan.FromSeconds(ageInSeconds), TimeSpan.FromMinutes(1)));

    private sealed class Clock : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = System.GetUtcNow();

        public override DateTimeOffset GetUtcNow() => Now;
    }

    /// <summary>A store of which nothing can be copied to this machine, until there is room.</summary>
    private sealed class FullDisk : ModelStore
    {
        private readonly FolderModelStore store = new(Path.GetDirectoryName(ShippedModels.Folder(Options.Model))!);

        public bool HasRoom { get; set; }

        public override string Location => store.Location;

        public override Task<string?> ReadCurrentVersionAsync(string name, CancellationToken cancellationToken) => store.ReadCurrentVersionAsync(name, cancellationToken);

        public override Task<ModelPackage> FetchAsync(string name, string version, CancellationToken cancellationToken) =>
            HasRoom ? store.FetchAsync(name, version, cancellationToken) : throw new IOException("No space left on device");

        protected override Task<byte[]?> ReadAsync(string path, CancellationToken cancellationToken) => Task.FromResult<byte[]?>(null);

        protected override Task<IReadOnlyList<string>> ListFoldersAsync(string prefix, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<string>>([]);

        protected override Task WriteAsync(string path, byte[] content, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
