using System.Text;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Tests;

public class BlobCreatedEventTests
{
    [Theory]
    [InlineData("/blobServices/default/containers/lesions/blobs/a.jpg", "a.jpg")]
    [InlineData("/blobServices/default/containers/lesions/blobs/ward 3/blobs/ü.jpg", "ward 3/blobs/ü.jpg")]
    public void The_event_names_the_blob_and_its_version(string subject, string name) => Assert.Equal(new BlobCreatedEvent(name, "0x8D1"), Parse("Microsoft.Storage.BlobCreated", subject));

    [Fact]
    public void Event_Grid_may_write_plain_text_or_Base64() => Assert.Equal(
        new BlobCreatedEvent("ü.jpg", "0x8D1"),
        BlobCreatedEvent.Parse(Convert.ToBase64String(Encoding.UTF8.GetBytes(Message("Microsoft.Storage.BlobCreated", "/blobServices/default/containers/lesions/blobs/ü.jpg"))), "lesions"));

    [Theory]
    [InlineData("Microsoft.Storage.BlobDeleted", "/blobServices/default/containers/lesions/blobs/a.jpg")]
    [InlineData("Microsoft.Storage.BlobCreated", "/blobServices/default/containers/models/blobs/a.jpg")]
    [InlineData("Microsoft.Storage.BlobCreated", "/blobServices/default/containers/lesions/blobs/")]
    public void Other_events_are_nothing_to_do(string type, string subject) => Assert.Null(Parse(type, subject));

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("bm8ganNvbg==")]
    [InlineData("{}")]
    [InlineData("""{"eventType":"Microsoft.Storage.BlobCreated"}""")]
    [InlineData("""{"eventType":null,"subject":null}""")]
    [InlineData("""{"eventType":"Microsoft.Storage.BlobCreated","subject":7}""")]
    public void Another_message_is_told_to_be_none(string message) =>
        Assert.Contains("lesion-events", Assert.Throws<InvalidDataException>(() => BlobCreatedEvent.Parse(message, "lesions")).Message, StringComparison.Ordinal);

    private static BlobCreatedEvent? Parse(string type, string subject) => BlobCreatedEvent.Parse(Message(type, subject), "lesions");

    private static string Message(string type, string subject) =>
        $$"""{"id":"1","eventType":"{{type}}","subject":"{{subject}}","data":{"api":"PutBlob","eTag":"0x8D1","contentLength":1,"url":"https://x"},"dataVersion":""}""";
}
