using System.Collections.Concurrent;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Lentigo.Functions.Http;

/// <summary>Serves the files of <c>wwwroot</c>. Names are looked up in the list of existing files, so no name can escape the folder.</summary>
internal static class PageFiles
{
    /// <summary>
    /// Workers that decode HEIC or run the model. They compile WebAssembly, which the page's policy forbids: a worker uses the policy sent with its own
    /// script.
    /// </summary>
    private static readonly string[] WasmWorkers = ["assets/heic-worker.js", "assets/device-worker.js"];

    private const string WasmWorkerPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

    /// <summary>The service worker. Its scope is the page, which lies above the script's own folder.</summary>
    private const string ServiceWorker = "assets/service-worker.js";

    /// <summary>The suffix of files that are stored compressed with Brotli (RFC 7932) because they are too large to compress for each response.</summary>
    private const string Compressed = ".br";

    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "wwwroot");

    private static readonly Dictionary<string, string> Paths = Directory.Exists(Root)
        ? Directory.GetFiles(Root, "*", SearchOption.AllDirectories).ToDictionary(p => Path.GetRelativePath(Root, p).Replace('\\', '/'), StringComparer.Ordinal)
        : [];

    private static readonly ConcurrentDictionary<(string View, string Language), byte[]> Pages = [];

    /// <summary>The matches of all file names that match a pattern, and the files' paths.</summary>
    public static IEnumerable<(Match Match, string Path)> Named(Regex name) =>
        Paths.Select(p => (Match: name.Match(p.Key), Path: p.Value)).Where(p => p.Match.Success);

    /// <summary>The file, or 404. Browsers must revalidate the file each time and get 304 if it has not changed.</summary>
    public static IResult Answer(HttpRequest request, string name)
    {
        ArgumentNullException.ThrowIfNull(request);
        IHeaderDictionary headers = request.HttpContext.Response.Headers;
        if (!Paths.TryGetValue(name, out string? path))
        {
            return Paths.TryGetValue(name + Compressed, out path) ? Decompressed(request, name, path) : Answers.From(Problem.NotFound("file of this name"));
        }

        headers.CacheControl = "no-cache";
        if (WasmWorkers.Contains(name))
        {
            headers.ContentSecurityPolicy = WasmWorkerPolicy;
        }

        if (name == ServiceWorker)
        {
            headers["Service-Worker-Allowed"] = "../";
        }

        if (PageTexts.Json(name) is { } texts)
        {
            return Results.Bytes(texts, ContentType(name), entityTag: WeakTag(texts), lastModified: File.GetLastWriteTimeUtc(path));
        }

        return Results.File(path, ContentType(name), lastModified: File.GetLastWriteTimeUtc(path));
    }

    /// <summary>The names of the files under <c>assets/</c>, as clients request them.</summary>
    public static IEnumerable<string> Assets =>
        Paths.Keys.Where(n => n.StartsWith("assets/", StringComparison.Ordinal))
            .Select(n => n.EndsWith(Compressed, StringComparison.Ordinal) ? n[..^Compressed.Length] : n);

    /// <summary>The content of a file as browsers receive it, decompressed.</summary>
    public static byte[] Read(string name)
    {
        if (Paths.TryGetValue(name, out string? path))
        {
            return PageTexts.Json(name) ?? File.ReadAllBytes(path);
        }

        using BrotliStream stream = new(File.OpenRead(Paths[name + Compressed]), CompressionMode.Decompress);
        using MemoryStream content = new();
        stream.CopyTo(content);
        return content.ToArray();
    }

    /// <summary>The size of a file as stored, in bytes.</summary>
    public static long TransferredBytes(string name) => new FileInfo(Paths.GetValueOrDefault(name) ?? Paths[name + Compressed]).Length;

    /// <summary>Sends a compressed file as is to clients that accept Brotli, and decompressed to others.</summary>
    private static IResult Decompressed(HttpRequest request, string name, string path)
    {
        IHeaderDictionary headers = request.HttpContext.Response.Headers;
        headers.CacheControl = "no-cache";
        headers.Vary = HeaderNames.AcceptEncoding;
        DateTimeOffset changed = File.GetLastWriteTimeUtc(path);
        if (!request.GetTypedHeaders().AcceptEncoding.Any(e => e.Value == "br" && e.Quality is not 0))
        {
            return Results.Stream(new BrotliStream(File.OpenRead(path), CompressionMode.Decompress), ContentType(name), lastModified: changed);
        }

        headers.ContentEncoding = "br";
        return Results.File(path, ContentType(name), lastModified: changed);
    }

    /// <summary>
    /// The page in the reader's language with one of its views open: <c>classify</c>, <c>results</c>, <c>model</c>, <c>about</c> or <c>api</c>.
    /// </summary>
    public static IResult Page(HttpRequest request, string view)
    {
        byte[] page = Page(PageTexts.Of(request), view);
        request.HttpContext.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(page, "text/html; charset=utf-8", entityTag: WeakTag(page), lastModified: File.GetLastWriteTimeUtc(Paths["index.html"]));
    }

    /// <summary>The entity tag of a content. It is weak because the same content is also sent compressed (RFC 9110, section 8.8.1).</summary>
    public static EntityTagHeaderValue WeakTag(byte[] content) => new($"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"", isWeak: true);

    /// <summary>The HTML document of the page in one language.</summary>
    public static byte[] Page(PageTexts texts, string view) =>
        Pages.GetOrAdd((view, texts.Language), _ => Render("index.html", texts, key => ValueOf(key, view, texts)));

    /// <summary>A document of <c>wwwroot</c> with its <c>{{keys}}</c> replaced.</summary>
    public static byte[] Render(string name, PageTexts texts, Func<string, string?> values) => Encoding.UTF8.GetBytes(texts.Fill(File.ReadAllText(Paths[name]), values));

    /// <summary>The value of a key: <c>hidden.results</c> hides elements of other views; <c>current.results</c> marks the link to the open view.</summary>
    private static string? ValueOf(string key, string view, PageTexts texts) => key switch
    {
        "lang" => texts.Language,
        "view" => view,
        "title" => System.Net.WebUtility.HtmlEncode(texts[$"title.{view}"]),
        _ when key.StartsWith("hidden.", StringComparison.Ordinal) => key.EndsWith($".{view}", StringComparison.Ordinal) ? "" : "hidden",
        _ when key.StartsWith("current.", StringComparison.Ordinal) => key.EndsWith($".{view}", StringComparison.Ordinal) ? "aria-current=\"page\"" : "",
        _ => null,
    };

    private static string ContentType(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" or ".mjs" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".png" => "image/png",
        ".json" => "application/json",
        ".webmanifest" => "application/manifest+json",
        ".wasm" => "application/wasm",
        ".txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
}
