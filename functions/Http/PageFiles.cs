using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Lentigo.Functions.Http;

/// <summary>The files of <c>wwwroot</c>, looked up among those that are there, so that no name leads out of the folder.</summary>
internal static class PageFiles
{
    /// <summary>
    /// The worker that decodes HEIC compiles WebAssembly, which the page itself may not: a worker has the policy that its own file comes with.
    /// </summary>
    private const string HeicWorker = "assets/heic-worker.js";

    private const string HeicWorkerPolicy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";

    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "wwwroot");

    private static readonly Dictionary<string, string> Paths = Directory.Exists(Root)
        ? Directory.GetFiles(Root, "*", SearchOption.AllDirectories).ToDictionary(p => Path.GetRelativePath(Root, p).Replace('\\', '/'), StringComparer.Ordinal)
        : [];

    private static readonly ConcurrentDictionary<(string View, string Language), byte[]> Pages = [];

    /// <summary>The names that match, and where the files are.</summary>
    public static IEnumerable<(Match Match, string Path)> Named(Regex name) =>
        Paths.Select(p => (Match: name.Match(p.Key), Path: p.Value)).Where(p => p.Match.Success);

    /// <summary>The file, or 404. Browsers ask again each time and are told if nothing changed.</summary>
    public static IResult Answer(HttpRequest request, string name)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!Paths.TryGetValue(name, out string? path))
        {
            return Results.NotFound();
        }

        IHeaderDictionary headers = request.HttpContext.Response.Headers;
        headers.CacheControl = "no-cache";
        if (name == HeicWorker)
        {
            headers.ContentSecurityPolicy = HeicWorkerPolicy;
        }

        return Results.File(path, ContentType(name), lastModified: File.GetLastWriteTimeUtc(path));
    }

    /// <summary>The page, in the reader's language, with one of its views open: <c>classify</c>, <c>results</c>, <c>model</c> or <c>about</c>.</summary>
    public static IResult Page(HttpRequest request, string view)
    {
        PageTexts texts = PageTexts.Of(request);
        byte[] page = Pages.GetOrAdd((view, texts.Language), _ => Render("index.html", texts, key => ValueOf(key, view, texts)));
        request.HttpContext.Response.Headers.CacheControl = "no-cache";
        return Results.Bytes(page, "text/html; charset=utf-8", entityTag: new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(page))[..16]}\""), lastModified: File.GetLastWriteTimeUtc(Paths["index.html"]));
    }

    /// <summary>A document of <c>wwwroot</c> with its <c>{{keys}}</c> filled.</summary>
    public static byte[] Render(string name, PageTexts texts, Func<string, string?> values) => Encoding.UTF8.GetBytes(texts.Fill(File.ReadAllText(Paths[name]), values));

    /// <summary><c>hidden.results</c> hides what belongs to another view; <c>current.results</c> marks the link to the view that is open.</summary>
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
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".json" => "application/json",
        ".wasm" => "application/wasm",
        ".txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
}
