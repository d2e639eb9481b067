using System.Net;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using Lentigo.Core.Storage;

namespace Lentigo.Core.Tests.Storage;

public class DotSegmentsTests
{
    [Theory]
    [InlineData("a/../b.jpg", "a%2F..%2Fb.jpg")]
    [InlineData("a/./b/c.jpg", "a%2F.%2Fb%2Fc.jpg")]
    [InlineData("../up.jpg", "..%2Fup.jpg")]
    [InlineData("a/..", "a%2F..")]
    [InlineData("a/b..c/.d.jpg", "a/b..c/.d.jpg")]
    [InlineData("/leading/ü.jpg", "/leading/%C3%BC.jpg")]
    [InlineData("trailing/", "trailing/")]
    public async Task A_request_names_the_blob_and_no_other(string name, string path)
    {
        using Recorder recorder = new();
        using HttpClient http = new(recorder);
        BlobClientOptions options = new() { TrimBlobNameSlashes = false, Transport = new HttpClientTransport(http) };
        options.AddPolicy(new DotSegments(), HttpPipelinePosition.PerCall);
        BlobServiceClient storage = new("UseDevelopmentStorage=true", options);
        await storage.GetBlobContainerClient("lesions").GetBlobClient(DotSegments.Keep(name)).ExistsAsync(TestContext.Current.CancellationToken);
        Assert.Equal($"http://127.0.0.1:10000/devstoreaccount1/lesions/{path}", recorder.Asked?.AbsoluteUri);
    }

    private sealed class Recorder : HttpMessageHandler
    {
        public Uri? Asked { get; private set; }

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Asked = request.RequestUri;
            return Task.FromResult(new HttpResponseMessage(HttpStatusCode.NotFound) { Headers = { { "x-ms-error-code", "BlobNotFound" } } });
        }
    }
}
