using Microsoft.AspNetCore.Http;

namespace Lentigo.Functions.Http;

/// <summary>The files of <c>wwwroot</c>, looked up among those that are there, so that no name leads out of the folder.</summary>
internal static class PageFiles
{
    private static readonly string Root = Path.Combine(AppContext.BaseDirectory, "wwwroot");

    private static readonly Dictionary<string, string> Paths = Directory.Exists(Root)
        ? Directory.GetFiles(Root, "*", SearchOption.AllDirectories).ToDictionary(p => Path.GetRelativePath(Root, p).Replace('\\', '/'), StringComparer.Ordinal)
        : [];

    /// <summary>The file, or 404. Browsers ask again each time and are told if nothing changed.</summary>
    public static IResult Answer(HttpRequest request, string name)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!Paths.TryGetValue(name, out string? path))
        {
            return Results.NotFound();
        }

        request.HttpContext.Response.Headers.CacheControl = "no-cache";
        return Results.File(path, ContentType(name), lastModified: File.GetLastWriteTimeUtc(path));
    }

    private static string ContentType(string name) => Path.GetExtension(name) switch
    {
        ".html" => "text/html; charset=utf-8",
        ".css" => "text/css; charset=utf-8",
        ".js" => "text/javascript; charset=utf-8",
        ".svg" => "image/svg+xml",
        ".json" => "application/json",
        _ => "application/octet-stream",
    };
}
