using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.Core.Predictions;
using Lentigo.Functions.Contracts;

namespace Lentigo.EndToEnd.Tests;

public sealed class HttpTests(SharedApp shared)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RunningApp App => shared.App;

    [Fact]
    public async Task The_class_that_is_explained_is_the_answers_first_whatever_its_prior()
    {
        Prediction natural = await AskAsync("explain=true"), weighed = await AskAsync("explain=true&prior=1,1,1,1,1,1,1e9");
        Assert.NotEqual("vasc", natural.Label.Code);
        Assert.Equal((natural.Label.Code, "vasc", "vasc"), (natural.Explanation!.Code, weighed.Label.Code, weighed.Explanation!.Code));

        async Task<Prediction> AskAsync(string query)
        {
            using ByteArrayContent body = new(LesionFiles.Jpeg());
            using HttpResponseMessage response = await App.Client.PostAsync(new Uri($"api/predict?{query}", UriKind.Relative), body, Cancellation);
            return JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(Cancellation), LentigoJson.Default.Prediction)!;
        }
    }

    [Fact]
    public async Task An_image_gets_seven_ranked_probabilities_that_sum_to_one()
    {
        Prediction prediction = await App.PredictAsync(LesionFiles.Jpeg());
        Assert.Equal(LesionClasses.Codes.Order(), prediction.Probabilities.Select(p => p.Code).Order());
        Assert.Equal(prediction.Probabilities.OrderByDescending(p => p.Probability), prediction.Probabilities);
        Assert.Equal(1, prediction.Probabilities.Sum(p => p.Probability), 1e-5);
        Assert.Equal((prediction.Probabilities[0].Code, prediction.Probabilities[0].Probability), (prediction.Label.Code, prediction.Label.Probability));
        Assert.Equal(prediction.Label.Code is "akiec" or "bcc" or "mel", prediction.Label.Malignant);
        Assert.Equal("decision support, not a diagnosis", prediction.Notice);
        Assert.NotEmpty(prediction.Members);
        Assert.All(prediction.Members, m => Assert.Equal(1, m.Probabilities.Sum(p => p.Probability), 1e-5));
    }

    [Theory]
    [InlineData("jpg")]
    [InlineData("png")]
    [InlineData("webp")]
    [InlineData("tif")]
    public async Task Every_format_is_taken_as_a_body_and_as_a_form_with_the_same_answer(string format)
    {
        byte[] file = LesionFiles.Of(format);
        Api.AssertSame((await App.PredictAsync(file)).Probabilities, (await App.PredictFormAsync(file, "patient name." + format)).Probabilities);
    }

    [Theory]
    [MemberData(nameof(LesionFiles.Bad), MemberType = typeof(LesionFiles))]
    public async Task A_bad_file_gets_its_problem(string name, int status, string type)
    {
        byte[] content = LesionFiles.BadContent(name);
        using HttpContent body = Api.Body(content, "image/jpeg");
        AssertProblem(status, type, await App.RefusedAsync(body));
        using MultipartFormDataContent form = new() { { new ByteArrayContent(content), "image", name } };
        AssertProblem(status, type, await App.RefusedAsync(form));
    }

    [Fact]
    public async Task A_body_of_unknown_length_is_cut_off_at_the_limit()
    {
        using Stream endless = new Zeros(21_000_000);
        using StreamContent body = new(endless);
        AssertProblem(413, "image-too-large", await App.RefusedAsync(body));
    }

    [Theory]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nhello\r\n--x--\r\n", "no-image")]
    [InlineData("multipart/form-data; boundary=x", "--x--\r\n", "no-image")]
    [InlineData("multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nhel", "malformed-request")]
    [InlineData("multipart/form-data; boundary=x", "no boundary at all", "malformed-request")]
    [InlineData("multipart/form-data", "--x--\r\n", "malformed-request")]
    public async Task A_form_that_holds_no_image_or_is_broken_says_so(string contentType, string content, string type)
    {
        using HttpContent body = Api.Body(Encoding.ASCII.GetBytes(content), contentType);
        AssertProblem(400, type, await App.RefusedAsync(body));
    }

    [Fact]
    public async Task An_image_for_later_is_kept_under_a_name_of_its_own_and_its_address_tells_when_to_ask_again()
    {
        using ByteArrayContent body = new(LesionFiles.Jpeg(4));
        using HttpResponseMessage kept = await App.Client.PostAsync(new Uri("api/lesions", UriKind.Relative), body, Cancellation);
        Assert.Equal(HttpStatusCode.Accepted, kept.StatusCode);
        Assert.NotNull(kept.Headers.RetryAfter?.Delta);
        LesionReceipt receipt = JsonSerializer.Deserialize(await kept.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.LesionReceipt)!;
        Assert.Matches("^api/[0-9a-f]{32}\\.jpg$", receipt.Name);
        Assert.Equal((receipt.Result, $"/api/results/{receipt.Name}"), (kept.Headers.Location?.OriginalString, receipt.Result));
        while (true)
        {
            using HttpResponseMessage result = await App.Client.GetAsync(kept.Headers.Location, Cancellation);
            string json = await result.Content.ReadAsStringAsync(Cancellation);
            if (result.StatusCode == HttpStatusCode.OK)
            {
                LesionResult answer = JsonSerializer.Deserialize(json, FunctionsJson.Default.LesionResult)!;
                Assert.Equal((LesionResult.Classified, receipt.Name), (answer.Status, answer.Source.Name));
                Api.AssertSame((await App.PredictAsync(LesionFiles.Jpeg(4))).Probabilities, answer.Probabilities);
                return;
            }

            AssertProblem(404, "result-pending", JsonSerializer.Deserialize(json, FunctionsJson.Default.Problem)!);
            await Task.Delay(result.Headers.RetryAfter!.Delta!.Value, Cancellation);
        }
    }

    [Fact]
    public async Task What_cannot_be_classified_is_not_kept_for_later()
    {
        using ByteArrayContent body = new("GIF89a"u8.ToArray());
        using HttpResponseMessage refused = await App.Client.PostAsync(new Uri("api/lesions", UriKind.Relative), body, Cancellation);
        Problem problem = JsonSerializer.Deserialize(await refused.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.Problem)!;
        AssertProblem(415, "unsupported-image", problem);
        Assert.Contains("GIF", problem.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_requests_at_once_are_all_answered_as_alone()
    {
        byte[][] files = [.. Enumerable.Range(1, 6).Select(LesionFiles.Jpeg)];
        List<Prediction> alone = [];
        foreach (byte[] file in files)
        {
            alone.Add(await App.PredictAsync(file));
        }

        Prediction[] together = await Task.WhenAll(Enumerable.Range(0, 30).Select(i => App.PredictAsync(files[i % files.Length])));
        Assert.All(together.Index(), p => Api.AssertSame(alone[p.Index % files.Length].Probabilities, p.Item.Probabilities));
        Assert.Equal(together.Length, together.Select(p => p.Id).Distinct().Count());
    }

    [Fact]
    public async Task Health_and_model_tell_which_model_serves()
    {
        ServiceHealth health = JsonSerializer.Deserialize(await App.Client.GetStringAsync(new Uri("api/health", UriKind.Relative), Cancellation), FunctionsJson.Default.ServiceHealth)!;
        ModelManifest manifest = JsonSerializer.Deserialize(await App.Client.GetStringAsync(new Uri("api/model", UriKind.Relative), Cancellation), LentigoJson.Default.ModelManifest)!;
        ModelManifest shipped = ModelPackage.Open(Repository.ShippedModel).Manifest;
        Assert.Equal((ServiceHealth.Ready, new ModelReference(shipped.Name, shipped.Version), "cpu"), (health.Status, health.Model, health.Device));
        Assert.Equal(shipped.Files, manifest.Files);
    }

    [Theory]
    [InlineData("", "text/html")]
    [InlineData("assets/page.js", "text/javascript")]
    [InlineData("assets/page.css", "text/css")]
    [InlineData("assets/icon.svg", "image/svg+xml")]
    public async Task The_page_and_its_files_come_with_their_type_and_a_strict_policy(string path, string type)
    {
        using HttpResponseMessage response = await App.Client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        Assert.Equal(type, response.Content.Headers.ContentType?.MediaType);
        string policy = Assert.Single(response.Headers.GetValues("Content-Security-Policy"));
        Assert.Contains("default-src 'none'", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));

        using HttpRequestMessage again = new(HttpMethod.Get, path);
        again.Headers.IfModifiedSince = response.Content.Headers.LastModified;
        using HttpResponseMessage unchanged = await App.Client.SendAsync(again, Cancellation);
        Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
    }

    [Theory]
    [InlineData("assets/absent.js")]
    [InlineData("assets/..%2f..%2fhost.json")]
    [InlineData("assets/%2e%2e/index.html")]
    [InlineData("host.json")]
    [InlineData("local.settings.json")]
    [InlineData("api/nothing/here")]
    public async Task Nothing_else_is_served(string path)
    {
        using HttpResponseMessage response = await App.Client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        Assert.Equal((HttpStatusCode.NotFound, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        Assert.Equal("nosniff", Assert.Single(response.Headers.GetValues("X-Content-Type-Options")));
    }

    [Theory]
    [InlineData("GET", "api/predict", "POST")]
    [InlineData("DELETE", "api/results/a.jpg", "GET, HEAD")]
    [InlineData("PUT", "api/results/1/feedback", "GET, HEAD, POST")] // a result's name may have slashes
    [InlineData("POST", "", "GET, HEAD")]
    [InlineData("PATCH", "api/health", "GET, HEAD")]
    public async Task A_method_that_an_address_lacks_is_told_those_that_it_has(string method, string path, string allowed)
    {
        using HttpRequestMessage request = new(new(method), path);
        using HttpResponseMessage response = await App.Client.SendAsync(request, Cancellation);
        Problem problem = JsonSerializer.Deserialize(await response.Content.ReadAsStringAsync(Cancellation), FunctionsJson.Default.Problem)!;
        AssertProblem(405, "method-not-allowed", problem);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, allowed), (response.StatusCode, string.Join(", ", response.Content.Headers.Allow)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("assets/page.css")]
    [InlineData("api/health")]
    [InlineData("api/model")]
    public async Task HEAD_tells_what_GET_would_without_a_body(string path)
    {
        using HttpRequestMessage ask = new(HttpMethod.Head, path);
        using HttpResponseMessage head = await App.Client.SendAsync(ask, Cancellation), get = await App.Client.GetAsync(new Uri(path, UriKind.Relative), Cancellation);
        Assert.Equal((get.StatusCode, get.Content.Headers.ContentType), (head.StatusCode, head.Content.Headers.ContentType));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancellation));
    }

    [Theory]
    [InlineData("", "br", "br")]
    [InlineData("assets/page.js", "gzip", "gzip")]
    [InlineData("assets/icon.svg", "gzip, br", "br")]
    [InlineData("api/model", "gzip", "gzip")]
    [InlineData("api/nothing", "br", "br")]
    [InlineData("assets/icon-192.png", "gzip, br", null)] // compressed in itself
    [InlineData("", "identity", null)]
    public async Task Texts_are_compressed_for_who_accepts_it(string path, string accepted, string? encoding)
    {
        Uri address = new(path, UriKind.Relative);
        byte[] plain = await (await App.Client.GetAsync(address, Cancellation)).Content.ReadAsByteArrayAsync(Cancellation);
        using HttpRequestMessage request = new(HttpMethod.Get, address);
        request.Headers.Add("Accept-Encoding", accepted);
        using HttpResponseMessage response = await App.Client.SendAsync(request, Cancellation);
        byte[] sent = await response.Content.ReadAsByteArrayAsync(Cancellation);
        Assert.Equal(encoding, response.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal(encoding is not null || path.Length == 0, response.Headers.Vary.Contains("Accept-Encoding"));
        using Stream content = encoding switch
        {
            "br" => new BrotliStream(new MemoryStream(sent), CompressionMode.Decompress),
            "gzip" => new GZipStream(new MemoryStream(sent), CompressionMode.Decompress),
            _ => new MemoryStream(sent),
        };
        using MemoryStream read = new();
        await content.CopyToAsync(read, Cancellation);
        Assert.Equal(plain, read.ToArray());
        if (response.Headers.ETag is { } tag)
        {
            Assert.True(tag.IsWeak); // the same for all encodings
            using HttpRequestMessage again = new(HttpMethod.Get, address);
            again.Headers.IfNoneMatch.Add(tag);
            using HttpResponseMessage unchanged = await App.Client.SendAsync(again, Cancellation);
            Assert.Equal(HttpStatusCode.NotModified, unchanged.StatusCode);
        }
    }

    [Fact]
    public async Task The_log_holds_no_file_names()
    {
        await App.PredictFormAsync(LesionFiles.Jpeg(), "Jane Doe 1970.jpg");
        await App.ResultAsync("Jane Doe 1970.jpg", (await App.DropAsync("Jane Doe 1970.jpg", LesionFiles.Jpeg())).ETag);
        Assert.DoesNotContain("Jane", App.Log, StringComparison.Ordinal);
        Assert.Contains("classified", App.Log, StringComparison.Ordinal);
    }

    private static void AssertProblem(int status, string type, Problem problem)
    {
        Assert.Equal((status, "urn:lentigo:problem:" + type), (problem.Status, problem.Type));
        Assert.NotEmpty(problem.Title);
        Assert.EndsWith(".", problem.Detail, StringComparison.Ordinal);
    }

    /// <summary>So many zeros, of a length that is not told.</summary>
    private sealed class Zeros(long left) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            int read = (int)Math.Min(count, left);
            left -= read;
            Array.Clear(buffer, offset, read);
            return read;
        }

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
