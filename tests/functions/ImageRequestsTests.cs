using System.Net;
using System.Net.Sockets;
using System.Text;
using Lentigo.Core.Imaging;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lentigo.Functions.Tests;

public class ImageRequestsTests
{
    private const int Limit = 1000, MostImages = 4, RequestLimit = 2_000_000;
    private const string FormType = "multipart/form-data; boundary=b";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

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
        ImageRejectedException refused = await Assert.ThrowsAsync<ImageRejectedException>(() => Requests().ReadAsync(context.Request, Cancellation));
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

    [Fact]
    public async Task Several_images_come_in_their_order_and_one_that_is_too_large_or_empty_in_its_place()
    {
        byte[] body = Form(("image", "first"), ("note", "between"), ("image", new string('x', Limit + 1)), ("image", ""), ("image", "last"));
        using RequestImages images = await Requests().ReadAsync(Request(new MemoryStream(body), FormType), Cancellation);
        Assert.Equal(
            ["first", nameof(ImageRejection.TooLarge), nameof(ImageRejection.Empty), "last"],
            images.All.Select(i => i.File is { } file ? Encoding.ASCII.GetString(file) : $"{i.Rejection?.Reason}"));
        Assert.Equal("first", Encoding.ASCII.GetString(images.First));
    }

    [Fact]
    public async Task More_images_or_bytes_than_one_request_may_have_are_refused()
    {
        byte[] many = Form([.. Enumerable.Repeat(("image", "x"), MostImages + 1)]);
        Assert.EndsWith("too-many-images", (await ProblemAsync(Requests(), Request(new MemoryStream(many), FormType))).Problem.Type, StringComparison.Ordinal);
        byte[] large = Form(("image", new string('x', RequestLimit)), ("image", "x"));
        foreach (long? told in (long?[])[large.Length, null])
        {
            Assert.EndsWith("request-too-large", (await ProblemAsync(Requests(), Request(new MemoryStream(large), FormType, told))).Problem.Type, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Of_a_form_cut_off_after_its_first_image_nothing_is_taken() =>
        Assert.Equal(400, await StatusAsync(Form(("image", "first"), ("image", "second"))[..^20], FormType));

    [Fact]
    public async Task Where_one_image_is_asked_for_the_first_is_taken()
    {
        using RequestImages images = await Requests().ReadFirstAsync(Request(new MemoryStream(Form(("note", "x"), ("image", "first"), ("image", "second"))), FormType), Cancellation);
        Assert.Equal("first", Encoding.ASCII.GetString(images.First));
        Assert.Equal(1, images.Count);
    }

    [Theory]
    [InlineData(100, 200, 60_000)] // stalls: below the least rate when the grace period has passed
    [InlineData(60_000, 60_000, 200)] // fast enough, and never ends
    public async Task A_sender_that_is_too_slow_is_not_waited_for(int bytesPerSecond, int graceMilliseconds, int deadlineMilliseconds)
    {
        ServingOptions options = new()
        {
            MinBodyBytesPerSecond = bytesPerSecond,
            BodyGrace = TimeSpan.FromMilliseconds(graceMilliseconds),
            BodyDeadline = TimeSpan.FromMilliseconds(deadlineMilliseconds),
        };
        foreach (string? type in (string?[])[null, FormType])
        {
            using Slow sender = new(TimeSpan.FromMilliseconds(50));
            ProblemException refused = await ProblemAsync(Requests(options), Request(sender, type));
            Assert.Equal((408, "urn:lentigo:problem:too-slow"), (refused.Problem.Status, refused.Problem.Type));
        }
    }

    [Fact]
    public async Task A_sender_that_stalls_is_told_and_Kestrel_logs_no_error()
    {
        ImageRequests requests = Requests(new() { BodyGrace = TimeSpan.FromMilliseconds(200) });
        List<string> errors = [];
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders().AddProvider(new Errors(errors));
        await using WebApplication app = builder.Build();
        app.MapPost("/", async (HttpContext context) =>
        {
            ProblemException refused = await Assert.ThrowsAsync<ProblemException>(() => requests.ReadAsync(context.Request, context.RequestAborted));
            return Answers.From(refused.Problem);
        });
        await app.StartAsync(Cancellation);
        using Socket sender = new(SocketType.Stream, ProtocolType.Tcp);
        await sender.ConnectAsync(IPAddress.Loopback, new Uri(app.Urls.Single()).Port, Cancellation);
        await sender.SendAsync("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\n\r\nxx"u8.ToArray(), Cancellation);
        byte[] answer = new byte[4096];
        string text = "";
        while (!text.Contains("urn:lentigo:problem:too-slow", StringComparison.Ordinal))
        {
            int read = await sender.ReceiveAsync(answer, Cancellation);
            Assert.NotEqual(0, read);
            text += Encoding.UTF8.GetString(answer, 0, read);
        }

        Assert.StartsWith("HTTP/1.1 408 ", text, StringComparison.Ordinal);
        sender.Dispose();
        await app.StopAsync(Cancellation);
        Assert.Empty(errors);
    }

    [Fact]
    public async Task A_sender_that_keeps_up_the_least_rate_is_waited_for()
    {
        ServingOptions options = new() { MinBodyBytesPerSecond = 1, BodyGrace = TimeSpan.FromSeconds(20) };
        using Slow sender = new(TimeSpan.FromMilliseconds(5), bytes: 10);
        // Ends because the image is too large, not because it is slow.
        await Assert.ThrowsAsync<ImageRejectedException>(async () => (await Requests(options).ReadAsync(Request(sender), Cancellation)).First.ToString());
    }

    [Fact]
    public async Task A_caller_who_leaves_is_not_told_to_be_slow()
    {
        using CancellationTokenSource left = new(50);
        using Slow sender = new(TimeSpan.FromMinutes(1));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Requests().ReadAsync(Request(sender), left.Token));
    }

    [Fact]
    public async Task All_requests_together_hold_no_more_than_the_limit_and_give_back_what_they_held()
    {
        ImageRequests requests = Requests(new() { MaxPendingBytes = 2 * Limit });
        using RequestImages first = await requests.ReadAsync(Request(new MemoryStream(new byte[Limit])), Cancellation);
        RequestImages second = await requests.ReadAsync(Request(new MemoryStream(new byte[Limit])), Cancellation);
        Assert.Equal(503, (await ProblemAsync(requests, Request(new MemoryStream([1])))).Problem.Status);
        second.Dispose();
        second.Dispose(); // twice counts once
        using RequestImages third = await requests.ReadAsync(Request(new MemoryStream(new byte[Limit])), Cancellation);
        Assert.Equal(503, (await ProblemAsync(requests, Request(new MemoryStream([1])))).Problem.Status);
    }

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

    private static async Task<byte[]> ReadAsync(byte[] body, string? contentType, bool isLengthTold = true)
    {
        using RequestImages images = await Requests().ReadAsync(Request(new MemoryStream(body), contentType, isLengthTold ? body.Length : null), Cancellation);
        return images.First;
    }

    private static ImageRequests Requests(ServingOptions? options = null) => new(
        (options ?? new()) with { MaxImageBytes = Limit, MaxImagesPerRequest = MostImages, MaxRequestBytes = RequestLimit }, TimeProvider.System);

    private static HttpRequest Request(Stream body, string? contentType = null, long? length = null) =>
        new DefaultHttpContext { Request = { Body = body, ContentType = contentType, ContentLength = length } }.Request;

    private static Task<ProblemException> ProblemAsync(ImageRequests requests, HttpRequest request) =>
        Assert.ThrowsAsync<ProblemException>(() => requests.ReadAsync(request, Cancellation));

    private sealed class Errors(List<string> errors) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                errors.Add(formatter(state, exception));
            }
        }

        public void Dispose()
        {
        }
    }

    /// <summary>A sender that sends a byte now and then and never ends.</summary>
    private sealed class Slow(TimeSpan pause, int bytes = 1) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get; set; }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(pause, cancellationToken);
            return Math.Min(bytes, buffer.Length);
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }

    private sealed class Unreadable : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new InvalidOperationException("The body was read.");
    }
}
