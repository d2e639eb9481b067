using System.Net;
using System.Text;
using System.Web;
using Azure.Core.Pipeline;
using Azure.Storage.Blobs;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace Lentigo.Functions.Tests;

public sealed class ResultListingTests : IDisposable
{
    private readonly Clock clock = new();
    private readonly Storage storage;
    private readonly LesionResults results;

    public ResultListingTests()
    {
        storage = new(clock);
        BlobServiceClient client = new(new Uri("https://storage.invalid"), new BlobClientOptions { Transport = new HttpClientTransport(storage), Retry = { MaxRetries = 0 } });
        results = new(new(client, clock), client, new(), new(long.MaxValue));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        results.Dispose();
        storage.Dispose();
    }

    [Fact]
    public async Task Ten_thousand_results_are_paged_through_with_one_listing_and_each_is_read_once()
    {
        storage.Add(10_000);
        List<string> names = [];
        for (string? continuation = ""; continuation is not null;)
        {
            ResultPage page = await ListAsync($"continuation={continuation}");
            names.AddRange(page.Items.Select(i => i.Name));
            continuation = page.Continuation;
        }

        Assert.Equal(storage.NewestFirst, names);
        Assert.Equal((2, 10_000), (storage.Listings, storage.Reads)); // five thousand a listing
    }

    [Fact]
    public async Task Who_looks_all_the_time_reads_what_is_new_and_lists_a_tenth_of_the_time()
    {
        storage.Add(6000);
        await ListAsync();
        Assert.Equal((2, 50), (storage.Listings, storage.Reads)); // two seconds: kept for twenty
        clock.Advance(17);
        await ListAsync("recommendation=refer");
        await ListAsync("recommendation=refer");
        Assert.Equal((2, 75), (storage.Listings, storage.Reads)); // every other one was read before

        storage.Add(1);
        await ListAsync();
        Assert.Equal(2, storage.Listings);
        clock.Advance(2);
        await ListAsync(); // the old answer; the next listing is made meanwhile
        while ((await ListAsync()).Items[0].Name != storage.NewestFirst[0])
        {
            await Task.Delay(10, Cancellation);
        }

        Assert.Equal((4, 76), (storage.Listings, storage.Reads));

        clock.Advance(60);
        storage.Add(1);
        Assert.Equal(storage.NewestFirst[0], (await ListAsync()).Items[0].Name); // too old to be shown
    }

    [Fact]
    public async Task Few_results_are_listed_each_time()
    {
        storage.Add(999);
        for (int i = 1; i <= 3; i++)
        {
            Assert.Equal(storage.NewestFirst[..50], (await ListAsync()).Items.Select(r => r.Name));
            Assert.Equal(i, storage.Listings);
            storage.Remove(storage.NewestFirst[0]);
        }
    }

    [Fact]
    public async Task A_prefix_has_its_own_listing_and_a_failure_to_make_the_next_one_is_told_when_the_old_is_too_old()
    {
        storage.Add(3000);
        await ListAsync();
        Assert.Equal(storage.NewestFirst.Where(n => n.StartsWith("b/", StringComparison.Ordinal)).Take(50), (await ListAsync("prefix=b/")).Items.Select(r => r.Name));
        storage.IsBroken = true;
        clock.Advance(11);
        Assert.Equal(50, (await ListAsync()).Items.Count);
        clock.Advance(11);
        await Assert.ThrowsAsync<Azure.RequestFailedException>(() => ListAsync());
        storage.IsBroken = false;
        Assert.Equal(50, (await ListAsync()).Items.Count);
    }

    private Task<ResultPage> ListAsync(string query = "") => results.ListAsync(ResultQuery.Of(new QueryCollection(QueryHelpers.ParseQuery(query))), Cancellation);

    private sealed class Clock : TimeProvider
    {
        private long ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => ticks;

        public void Advance(double seconds) => ticks += TimeSpan.FromSeconds(seconds).Ticks;
    }

    /// <summary>A container of results, written a second apart, which takes a second for a listing.</summary>
    private sealed class Storage(Clock clock) : HttpMessageHandler
    {
        private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        private readonly SortedDictionary<string, DateTimeOffset> blobs = new(StringComparer.Ordinal);
        private int written;

        public int Listings { get; private set; }

        public int Reads => reads;

        private int reads;

        public bool IsBroken { get; set; }

        public string[] NewestFirst => [.. blobs.OrderByDescending(b => b.Value).Select(b => b.Key)];

        public void Add(int count)
        {
            for (int i = 0; i < count; i++, written++)
            {
                blobs[$"{"ab"[written % 2]}/{written * 7919L % 100_003:000000}.jpg"] = Start.AddSeconds(written);
            }
        }

        public void Remove(string name) => blobs.Remove(name);

        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken) => Answer(request);

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) => Task.FromResult(Answer(request));

        private static string Tag(string name) => name.Contains("a/", StringComparison.Ordinal) ? "refer" : "routine";

        private HttpResponseMessage Answer(HttpRequestMessage request)
        {
            if (IsBroken)
            {
                return new(HttpStatusCode.InternalServerError);
            }

            System.Collections.Specialized.NameValueCollection query = HttpUtility.ParseQueryString(request.RequestUri!.Query);
            return query["comp"] == "list" ? List(query["prefix"] ?? "", query["marker"] ?? "") : Read(Uri.UnescapeDataString(request.RequestUri.AbsolutePath)["/results/".Length..^".json".Length]);
        }

        private HttpResponseMessage Read(string name)
        {
            Interlocked.Increment(ref reads);
            string document = $$"""{ "status": "classified", "id": "x", "label": { "code": "nv" }, "triage": { "recommendation": "{{Tag(name)}}" } }""";
            return new(HttpStatusCode.OK) { Content = new StringContent(document), Headers = { ETag = new("\"1\"") } };
        }

        private HttpResponseMessage List(string prefix, string marker)
        {
            Listings++;
            clock.Advance(1);
            KeyValuePair<string, DateTimeOffset>[] page = [.. blobs.Where(b => b.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(b.Key, marker) >= 0).Take(5001)];
            StringBuilder xml = new("<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>");
            foreach ((string name, DateTimeOffset time) in page.Take(5000))
            {
                xml.Append($"<Blob><Name>{name}.json</Name><Properties><Last-Modified>{time:R}</Last-Modified><Etag>\"1\"</Etag><BlobType>BlockBlob</BlobType></Properties>")
                    .Append($"<Metadata><status>classified</status><label>nv</label><recommendation>{Tag(name)}</recommendation></Metadata></Blob>");
            }

            xml.Append($"</Blobs><NextMarker>{(page.Length > 5000 ? page[5000].Key : "")}</NextMarker></EnumerationResults>");
            return new(HttpStatusCode.OK) { Content = new StringContent(xml.ToString(), Encoding.UTF8, "application/xml") };
        }
    }
}
