using Azure;
using Azure.Storage.Blobs.Models;
using Lentigo.Functions.Local.Triggers;
using Lentigo.Functions.Local.Worker;

namespace Lentigo.Functions.Local.Tests;

/// <summary>Each version of a blob is told of once, whatever the order in which listings show it.</summary>
public sealed class UploadsTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_version_is_new_once_and_again_when_it_changes()
    {
        Uploads uploads = new();
        BlobItem first = Blob("a", "1", 0);
        Assert.Equal([first], uploads.NewOf([first]));
        uploads.Remember([first]);
        Assert.Empty(uploads.NewOf([first]));
        BlobItem changed = Blob("a", "2", 0); // within the same second
        Assert.Equal([changed], uploads.NewOf([changed]));
    }

    [Fact]
    public void An_upload_that_a_listing_missed_is_found_by_the_next_one()
    {
        Uploads uploads = new();
        uploads.Remember([Blob("late", "1", 100)]);
        BlobItem missed = Blob("missed", "1", 95), longAgo = Blob("old", "1", 50);
        Assert.Equal([missed], uploads.NewOf([missed, longAgo, Blob("late", "1", 100)]));
    }

    [Fact]
    public void An_upload_that_could_not_be_told_of_stays_new_while_younger_ones_are_remembered()
    {
        Uploads uploads = new();
        BlobItem failed = Blob("failed", "1", 0), sent = Blob("sent", "1", 100);
        uploads.Remember([sent], isAll: false);
        Assert.Equal([failed], uploads.NewOf([failed, sent]));
    }

    [Fact]
    public void A_later_start_knows_what_was_told_and_remembers_no_more_than_it_must()
    {
        Uploads uploads = new();
        uploads.Remember([.. Enumerable.Range(0, 1000).Select(i => Blob($"{i}", "1", i))]);
        Uploads.State kept = Uploads.Parse(uploads.ToJson())!;
        Assert.Equal(11, kept.Seen.Count);
        Assert.Empty(new Uploads(kept).NewOf(Enumerable.Range(0, 1000).Select(i => Blob($"{i}", "1", i))));
    }

    [Fact]
    public void What_another_launcher_told_is_not_told_again()
    {
        Uploads mine = new(), others = new();
        mine.Remember([Blob("a", "1", 0)]);
        others.Remember([Blob("a", "2", 5), Blob("b", "1", 6)]);
        mine.Add(Uploads.Parse(others.ToJson())!);
        Assert.Empty(mine.NewOf([Blob("a", "2", 5), Blob("b", "1", 6)]));
    }

    [Theory]
    [InlineData("not JSON")]
    [InlineData("{}")]
    [InlineData("null")]
    public void What_cannot_be_read_counts_as_nothing(string kept) => Assert.Null(Uploads.Parse(BinaryData.FromString(kept)));

    [Theory]
    [InlineData("blobTrigger", "lesions/{name}", "lesions")]
    [InlineData("blobTrigger", "lesions/{name}.jpg", null)]
    [InlineData("blobTrigger", "lesions/{folder}/{name}", null)]
    [InlineData("blobTrigger", "lesions/{a}{b}", null)]
    [InlineData("blobTrigger", "{container}/{name}", null)]
    [InlineData("blobTrigger", "lesions", null)]
    [InlineData("queueTrigger", "lesions/{name}", null)]
    public void Functions_of_a_whole_container_are_told_of_its_uploads(string trigger, string path, string? container)
    {
        RpcFunctionMetadata metadata = new() { Name = "f", RawBindings = { $$"""{"type": "{{trigger}}", "name": "blob", "path": "{{path}}"}""" } };
        Assert.Equal(container, LocalEventGrid.ContainerOf(new AppFunction(metadata)));
    }

    private static BlobItem Blob(string name, string etag, int seconds) =>
        BlobsModelFactory.BlobItem(name: name, properties: BlobsModelFactory.BlobItemProperties(true, lastModified: Noon.AddSeconds(seconds), eTag: new ETag(etag)));
}
