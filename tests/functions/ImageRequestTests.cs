using System.Text;
using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Tests;

public class ImageRequestTests
{
    private const int Limit = 1000;

    [Theory]
    [InlineData(null)]
    [InlineData("image/jpeg")]
    [InlineData("application/x-www-form-urlencoded")] // what `curl --data-binary` says
    [InlineData("not a content type")]
    public async Task A_body_is_the_image_whatever_its_content_type_says(string? contentType) =>
        Assert.Equal([1, 2, 3], await ReadAsync([1, 2, 3], contentType));

    [Fact]
    public async Task Of_a_form_the_field_image_is_the_image_wherever_it_stands() =>
        Assert.Equal(
            Encoding.ASCII.GetBytes("the image"),
            await ReadAsync(Form(("note", "before"), ("IMAGE", "the image"), ("other", "after")), "multipart/form-data; boundary=\"b\""));

    [Theory]
    [InlineData(Limit, true)]
    [InlineData(Limit + 1, false)]
    public async Task The_limit_is_the_largest_size_that_is_taken(int size, bool isTaken)
    {
        foreach (bool isLengthTold in (bool[])[true, false])
        {
            Assert.Equal(isTaken ? 200 : 413, await StatusAsync(new byte[size], null, isLengthTold));
            Assert.Equal(isTaken ? 200 : 413, await StatusAsync(Form(("image", new string('x', size))), "multipart/form-data; boundary=b", isLengthTold));
        }
    }

    [Fact]
    public async Task A_body_that_says_it_is_too_long_is_refused_unread()
    {
        DefaultHttpContext context = new() { Request = { Body = new Unreadable(), ContentLength = Limit + 1 } };
        ImageRejectedException refused = await Assert.ThrowsAsync<ImageRejectedException>(() => ImageRequest.ReadAsync(context.Request, Limit, TestContext.Current.CancellationToken));
        Assert.Equal(ImageRejection.TooLarge, refused.Reason);
    }

    [Fact]
    public async Task Other_fields_cannot_be_used_to_send_without_end() =>
        Assert.Equal(413, await StatusAsync(Form(("note", new string('x', Limit + 1_000_001)), ("image", "x")), "multipart/form-data; boundary=b", isLengthTold: false));

    [Theory]
    [InlineData("", null, 400)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n\r\n--b--\r\n", "multipart/form-data; boundary=b", 400)]
    [InlineData("--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\ncut o", "multipart/form-data; boundary=b", 400)]
    [InlineData("--b\r\nno header\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400)]
    [InlineData("--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b", 400)]
    [InlineData("--b--", "multipart/form-data; boundary=0123456789012345678901234567890123456789012345678901234567890123456789x", 400)]
    public async Task No_image_or_a_broken_form_is_a_400(string body, string? contentType, int status) =>
        Assert.Equal(status, await StatusAsync(Encoding.ASCII.GetBytes(body), contentType));

    private static byte[] Form(params (string Name, string Value)[] fields) => Encoding.ASCII.GetBytes(
        string.Concat(fields.Select(f => $"--b\r\nContent-Disposition: form-data; name=\"{f.Name}\"; filename=\"x.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n{f.Value}\r\n")) + "--b--\r\n");

    private static async Task<int> StatusAsync(byte[] body, string? contentType, bool isLengthTold = true)
    {
        try
        {
            await ReadAsync(body, contentType, isLengthTold);
            return 200;
        }
        catch (ImageRejectedException e)
        {
            return Problem.Rejected(e).Status;
        }
        catch (ProblemException e)
        {
            return e.Problem.Status;
        }
    }

    private static Task<byte[]> ReadAsync(byte[] body, string? contentType, bool isLengthTold = true)
    {
        DefaultHttpContext context = new()
        {
            Request = { Body = new MemoryStream(body), ContentType = contentType, ContentLength = isLengthTold ? body.Length : null },
        };
        return ImageRequest.ReadAsync(context.Request, Limit, TestContext.Current.CancellationToken);
    }

    private sealed class Unreadable : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new InvalidOperationException("The body was read.");
    }
}
