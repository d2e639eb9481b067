using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Lentigo.Functions.Http;

/// <summary>The words of the page in one language: <c>wwwroot/assets/texts-{language}.json</c>, English where that file lacks a text.</summary>
internal sealed partial class PageTexts
{
    /// <summary>The cookie that keeps a reader's choice of a language.</summary>
    private const string Cookie = "lang";

    private const string Default = "en";

    private static readonly Dictionary<string, PageTexts> Languages = Read();
    private readonly Dictionary<string, string> texts;

    private PageTexts(string language, Dictionary<string, string> texts)
    {
        Language = language;
        this.texts = texts;
    }

    /// <summary>The language's code, e.g. <c>de</c>.</summary>
    public string Language { get; }

    /// <summary>The texts of every language.</summary>
    public static IEnumerable<PageTexts> All => Languages.Values;

    /// <summary>The text of a key; the key itself where no language has it.</summary>
    public string this[string key] => texts.GetValueOrDefault(key, key);

    /// <summary>The text of a key, or null where no language has it.</summary>
    public string? OrNull(string key) => texts.GetValueOrDefault(key);

    /// <summary>The texts of a language in the form of its file, where the name is that of such a file.</summary>
    /// <param name="name">A file's name below <c>wwwroot</c>.</param>
    public static byte[]? Json(string name) =>
        FileName().Match(name) is { Success: true } match && Languages.TryGetValue(match.Groups[1].Value, out PageTexts? texts) ? texts.Json() : null;

    /// <summary>The texts of a language, and English where it lacks one.</summary>
    internal static PageTexts Of(string language, IReadOnlyDictionary<string, string> own, IReadOnlyDictionary<string, string> english) =>
        new(language, new(english.Concat(own).GroupBy(t => t.Key).Select(t => t.Last())));

    /// <summary>The texts as a JSON object.</summary>
    internal byte[] Json()
    {
        using MemoryStream json = new();
        using (Utf8JsonWriter writer = new(json, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) // it stays in a file of its own
        {
            writer.WriteStartObject();
            foreach ((string key, string text) in texts)
            {
                writer.WriteString(key, text);
            }

            writer.WriteEndObject();
        }

        return json.ToArray();
    }

    /// <summary>The language of a request: the query's <c>lang</c>, the cookie of an earlier choice, or what the browser prefers.</summary>
    public static PageTexts Of(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        IEnumerable<string?> wishes = [
            request.Query[Cookie],
            request.Cookies[Cookie],
            .. request.GetTypedHeaders().AcceptLanguage.OrderByDescending(l => l.Quality ?? 1).Select(l => l.Value.ToString().Split('-')[0].ToLowerInvariant()),
        ];
        string language = wishes.FirstOrDefault(w => w is not null && Languages.ContainsKey(w)) ?? Default;
        // A document that a script fetches, to keep it for later, is no choice of its reader's (Fetch Metadata, W3C).
        if (request.Query[Cookie] == language && request.Headers["Sec-Fetch-Dest"] != "empty")
        {
            request.HttpContext.Response.Cookies.Append(Cookie, language, new() { SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Lax, HttpOnly = true, MaxAge = TimeSpan.FromDays(365), Path = "/" });
        }

        request.HttpContext.Response.Headers.Vary = $"{HeaderNames.AcceptLanguage}, {HeaderNames.Cookie}";
        return Languages[language];
    }

    /// <summary>Fills a document's <c>{{key}}</c> with the texts, or with <paramref name="values"/>, which are HTML already.</summary>
    public string Fill(string document, Func<string, string?> values) =>
        Key().Replace(document, match => values(match.Groups[1].Value) ?? WebUtility.HtmlEncode(this[match.Groups[1].Value]));

    private static Dictionary<string, PageTexts> Read()
    {
        Dictionary<string, Dictionary<string, string>> files = PageFiles.Named(FileName()).ToDictionary(f => f.Match.Groups[1].Value, f => Parse(f.Path));
        Dictionary<string, string> english = files.GetValueOrDefault(Default, []);
        return files.Append(new(Default, english)).DistinctBy(f => f.Key).ToDictionary(f => f.Key, f => Of(f.Key, f.Value, english));
    }

    private static Dictionary<string, string> Parse(string path) => JsonSerializer.Deserialize(File.ReadAllBytes(path), FunctionsJson.Default.DictionaryStringString) ?? [];

    [GeneratedRegex(@"\{\{([a-zA-Z0-9.-]+)\}\}", RegexOptions.CultureInvariant)]
    private static partial Regex Key();

    [GeneratedRegex(@"^assets/texts-([a-z]{2})\.json$", RegexOptions.CultureInvariant)]
    private static partial Regex FileName();
}
