using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Lentigo.Functions.Contracts;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Lentigo.Functions.Http;

/// <summary>The page's texts in one language: <c>wwwroot/assets/texts-{language}.json</c>, with English as the fallback for missing texts.</summary>
internal sealed partial class PageTexts
{
    /// <summary>The cookie that stores the reader's choice of language.</summary>
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

    /// <summary>The text for a key; the key itself if no language has a text for it.</summary>
    public string this[string key] => texts.GetValueOrDefault(key, key);

    /// <summary>The text for a key, or null if no language has one.</summary>
    public string? OrNull(string key) => texts.GetValueOrDefault(key);

    /// <summary>The texts of a language in the format of its file; null if the name is not that of such a file.</summary>
    /// <param name="name">A file name relative to <c>wwwroot</c>.</param>
    public static byte[]? Json(string name) =>
        FileName().Match(name) is { Success: true } match && Languages.TryGetValue(match.Groups[1].Value, out PageTexts? texts) ? texts.Json() : null;

    /// <summary>The texts of a language, with English as the fallback for missing texts.</summary>
    internal static PageTexts Of(string language, IReadOnlyDictionary<string, string> own, IReadOnlyDictionary<string, string> english) =>
        new(language, new(english.Concat(own).GroupBy(t => t.Key).Select(t => t.Last())));

    /// <summary>The texts as a JSON object.</summary>
    internal byte[] Json()
    {
        using MemoryStream json = new();
        using (Utf8JsonWriter writer = new(json, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping })) // it is only sent as a separate file
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

    /// <summary>
    /// The texts in the language of a request: that of the query parameter <c>lang</c>, of the cookie of an earlier choice, or of the browser's preference.
    /// </summary>
    public static PageTexts Of(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        IEnumerable<string?> wishes = [
            request.Query[Cookie],
            request.Cookies[Cookie],
            .. request.GetTypedHeaders().AcceptLanguage.OrderByDescending(l => l.Quality ?? 1).Select(l => l.Value.ToString().Split('-')[0].ToLowerInvariant()),
        ];
        string language = wishes.FirstOrDefault(w => w is not null && Languages.ContainsKey(w)) ?? Default;
        // A document that a script fetches in order to cache it does not express a choice of the reader (Fetch Metadata, W3C).
        if (request.Query[Cookie] == language && request.Headers["Sec-Fetch-Dest"] != "empty")
        {
            request.HttpContext.Response.Cookies.Append(Cookie, language, new() { SameSite = Microsoft.AspNetCore.Http.SameSiteMode.Lax, HttpOnly = true, MaxAge = TimeSpan.FromDays(365), Path = "/" });
        }

        request.HttpContext.Response.Headers.Vary = $"{HeaderNames.AcceptLanguage}, {HeaderNames.Cookie}";
        return Languages[language];
    }

    /// <summary>Replaces each <c>{{key}}</c> of a document with its text, or with the result of <paramref name="values"/>, which is already HTML.</summary>
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
