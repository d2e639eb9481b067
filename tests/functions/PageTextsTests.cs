using System.Net;
using System.Text;
using System.Text.Json;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Http;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Lentigo.Functions.Tests;

public class PageTextsTests
{
    [Fact]
    public void A_text_that_a_language_lacks_is_English_on_the_server_and_in_the_file_for_the_page()
    {
        PageTexts texts = PageTexts.Of("xx", new Dictionary<string, string> { ["a"] = "ä <b>" }, new Dictionary<string, string> { ["a"] = "a", ["b"] = "b" });
        Assert.Equal(("ä <b>", "b", "c"), (texts["a"], texts["b"], texts["c"]));
        Assert.Null(texts.OrNull("c"));
        Assert.Equal("<p>b, &#228; &lt;b&gt;</p>", texts.Fill("<p>{{b}}, {{a}}</p>", _ => null));
        Assert.Equal("""{"a":"ä <b>","b":"b"}""", Encoding.UTF8.GetString(texts.Json()));
    }

    [Fact]
    public void The_page_is_given_every_text_of_its_language()
    {
        Assert.Equal(["de", "en"], PageTexts.All.Select(t => t.Language).Order());
        foreach (PageTexts texts in PageTexts.All)
        {
            Dictionary<string, string> file = JsonSerializer.Deserialize<Dictionary<string, string>>(PageFiles.Read($"assets/texts-{texts.Language}.json"))!;
            Assert.True(file.Count > 200);
            Assert.All(file, t => Assert.Equal(texts[t.Key], t.Value));
        }
    }

    [Fact]
    public async Task Without_JavaScript_a_problem_is_told_in_the_readers_language()
    {
        PageTexts german = PageTexts.All.Single(t => t.Language == "de");
        foreach (string type in (string[])["no-image", "image-too-large", "unsupported-image", "too-many-pixels", "not-dermoscopy", "unreadable-image", "no-model", "overloaded", "too-slow", "internal"])
        {
            (int status, string html) = await SentAsync(PlainAnswer.Of(new Problem($"urn:lentigo:problem:{type}", "Title", 499, "english words"), german));
            Assert.Equal(499, status);
            Assert.Contains($"<h2>{WebUtility.HtmlEncode(german[$"error.{type}.title"])}</h2><p>{WebUtility.HtmlEncode(german[$"error.{type}"])}</p>", html, StringComparison.Ordinal);
            Assert.DoesNotContain("english words", html, StringComparison.Ordinal);
        }

        Assert.Contains("<h2>New</h2><p>no words &lt;b&gt;</p>", (await SentAsync(PlainAnswer.Of(new Problem("urn:lentigo:problem:new", "New", 400, "no words <b>"), german))).Body, StringComparison.Ordinal);
    }

    private static async Task<(int Status, string Body)> SentAsync(IResult result)
    {
        using MemoryStream body = new();
        DefaultHttpContext context = new() { RequestServices = new ServiceCollection().AddLogging().BuildServiceProvider(), Response = { Body = body } };
        await result.ExecuteAsync(context);
        return (context.Response.StatusCode, Encoding.UTF8.GetString(body.ToArray()));
    }
}
