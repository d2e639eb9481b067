using System.Collections.Concurrent;
using System.Net;
using System.Text;
using Lentigo.Functions.Local.Setup;

namespace Lentigo.EndToEnd.Tests;

/// <summary>
/// Stands between a browser and the app, with an address, and so with a browser's storage, of its own: it counts what passes, changes it, and cuts the connection.
/// </summary>
internal sealed class Gateway : IAsyncDisposable
{
    /// <summary>The headers that decide what comes back as it is in the app: what is changed here is asked for anew and uncompressed.</summary>
    private static readonly string[] OfUnchanged = ["Accept-Encoding", "If-None-Match", "If-Modified-Since"];

    private static readonly string[] Forwarded = ["Accept", "Accept-Language", "Cookie", "Sec-Fetch-Dest", .. OfUnchanged];
    private static readonly string[] OfTheConnection = ["Transfer-Encoding", "Content-Length", "Date", "Server"];
    private readonly HttpListener listener = new();
    private readonly HttpClient client;
    private readonly Task serving;
    private volatile bool isCut;

    public Gateway(Uri app)
    {
        Address = new($"http://localhost:{Azurite.FreePort()}/");
        listener.Prefixes.Add(Address.ToString());
        listener.Start();
        SocketsHttpHandler asItIs = new() { AutomaticDecompression = DecompressionMethods.None, UseCookies = false, AllowAutoRedirect = false };
        client = new(asItIs) { BaseAddress = app };
        serving = Task.Run(ServeAsync);
    }

    public Uri Address { get; }

    /// <summary>What came in while the connection was not cut: method and path.</summary>
    public ConcurrentQueue<string> Requests { get; } = [];

    /// <summary>What answers to a path become; a path that is not here stays as it is.</summary>
    public ConcurrentDictionary<string, Func<string, string>> Changes { get; } = [];

    /// <summary>Whether images are answered 503, to be sent again in a second.</summary>
    public bool IsBusy { get; set; }

    /// <summary>Whether connections are closed without an answer.</summary>
    public bool IsCut
    {
        get => isCut;
        set => isCut = value;
    }

    public async ValueTask DisposeAsync()
    {
        listener.Close();
        await serving;
        client.Dispose();
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            _ = AnswerAsync(context);
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        try
        {
            if (isCut)
            {
                context.Response.Abort();
                return;
            }

            string path = context.Request.Url!.PathAndQuery;
            Requests.Enqueue($"{context.Request.HttpMethod} {path}");
            if (IsBusy && context.Request.HttpMethod == "POST")
            {
                await context.Request.InputStream.CopyToAsync(Stream.Null);
                context.Response.StatusCode = 503;
                context.Response.AppendHeader("Retry-After", "1");
                context.Response.Close();
                return;
            }

            Changes.TryGetValue(path, out Func<string, string>? change);
            using HttpRequestMessage request = new(new(context.Request.HttpMethod), path);
            foreach (string name in Forwarded.Where(n => context.Request.Headers[n] is not null && (change is null || !OfUnchanged.Contains(n))))
            {
                request.Headers.TryAddWithoutValidation(name, context.Request.Headers[name]);
            }

            if (context.Request.HasEntityBody)
            {
                request.Content = new StreamContent(context.Request.InputStream);
                request.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
            }

            using HttpResponseMessage response = await client.SendAsync(request);
            byte[] body = await response.Content.ReadAsByteArrayAsync();
            body = change is null ? body : Encoding.UTF8.GetBytes(change(Encoding.UTF8.GetString(body)));
            context.Response.StatusCode = (int)response.StatusCode;
            foreach ((string name, IEnumerable<string> values) in response.Headers.Concat(response.Content.Headers).Where(h => !OfTheConnection.Contains(h.Key)))
            {
                foreach (string value in values)
                {
                    context.Response.AppendHeader(name, value);
                }
            }

            context.Response.ContentLength64 = body.Length;
            if (context.Request.HttpMethod != "HEAD" && response.StatusCode != HttpStatusCode.NotModified)
            {
                await context.Response.OutputStream.WriteAsync(body);
            }

            context.Response.Close();
        }
        catch (Exception e) when (e is HttpRequestException or HttpListenerException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            // The browser left, or the test ended.
            context.Response.Abort();
        }
    }
}
