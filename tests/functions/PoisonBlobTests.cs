using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Tests;

public class PoisonBlobTests
{
    [Fact]
    public void The_hosts_message_names_the_blob_and_its_version() =>
        Assert.Equal(
            new PoisonBlob("lesions", "a/b.jpg", "0x8D1"),
            PoisonBlob.Parse("""{"Type":"BlobTrigger","FunctionId":"Host.Functions.classify-lesion","BlobType":"BlockBlob","ContainerName":"lesions","BlobName":"a/b.jpg","ETag":"\"0x8D1\""}"""));

    [Fact]
    public void A_message_in_Base64_is_read_too() =>
        Assert.Equal(new PoisonBlob("lesions", "a.jpg", "0x8D1"), PoisonBlob.Parse(Convert.ToBase64String("""{"ContainerName":"lesions","BlobName":"a.jpg","ETag":"\"0x8D1\""}"""u8)));

    [Theory]
    [InlineData("")]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"ContainerName":"lesions","BlobName":7,"ETag":"x"}""")]
    [InlineData("""{"ContainerName":"lesions","BlobName":"","ETag":"x"}""")]
    public void Another_message_is_told_to_be_none(string message) =>
        Assert.Contains("poison queue", Assert.Throws<InvalidDataException>(() => PoisonBlob.Parse(message)).Message, StringComparison.Ordinal);
}
