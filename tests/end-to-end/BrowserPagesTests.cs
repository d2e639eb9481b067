using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Azure.Storage.Blobs.Models;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Every page and state at the size of a phone, a tablet and a desk, in light and dark. Each leaves a screenshot in the test's output folder.</summary>
public sealed class BrowserPagesTests(SharedApp shared, BrowserFixture browser) : BrowserTest(shared, browser)
{
    [Theory]
    [InlineData(ColorScheme.Light, 390, 844)]
    [InlineData(ColorScheme.Dark, 820, 1180)]
    [InlineData(ColorScheme.Light, 1440, 900)]
    public async Task TC4_Every_page_is_reached_by_its_link_is_accessible_and_fits_the_screen(ColorScheme scheme, int width, int height)
    {
        string name = $"pages-{width}/<script>alert(1)<\u2215script>.jpg";
        BlobContentInfo dropped = await App.DropAsync(name, LesionFiles.Jpeg(11));
        await App.ResultAsync(name, dropped.ETag);
        IPage page = await OpenAsync(options: new() { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = height }, HasTouch = width < 900, Locale = "en-GB" }, before: p => AnswerAsync(p));
        await CheckAsync("empty", page.GetByRole(AriaRole.Button, new() { Name = "Uneven spot" }));

        await page.GetByRole(AriaRole.Button, new() { Name = "Uneven spot" }).ClickAsync();
        await CheckAsync("answer", page.Locator(".answer"));
        await page.GetByText("What each network says").ClickAsync();
        await page.GetByText("Similar images from the training data").ClickAsync();
        await ChooseAsync(page, ("a.jpg", LesionFiles.Jpeg()), ("b.pdf", "%PDF-1.7"u8.ToArray()));
        await CheckAsync("many", page.Locator("#queue .outcome").Nth(1));

        await page.GetByRole(AriaRole.Link, new() { Name = "Results" }).ClickAsync();
        await page.GetByText("Filters").ClickAsync();
        await page.GetByLabel("Name begins with").FillAsync($"pages-{width}/");
        await page.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
        await Expect(page.Locator("#result-list tbody tr")).ToHaveCountAsync(1);
        await page.Locator("#result-list tbody tr").ScrollIntoViewIfNeededAsync();
        await CheckAsync("results", page.Locator("#result-list img[src^=blob]"));
        Assert.Equal(width < 768, await page.Locator("#result-list td.number").EvaluateAsync<bool>("cell => getComputedStyle(cell, '::before').content.includes('Malignancy')")); // no head there
        await page.GetByRole(AriaRole.Button, new() { Name = $"Details: {name}" }).ClickAsync();
        await CheckAsync("result", page.Locator("#result-detail .answer .photo"));

        await page.GetByRole(AriaRole.Link, new() { Name = "API" }).ClickAsync();
        await page.Locator("#predict > summary").PressAsync("Enter");
        await page.GetByRole(AriaRole.Button, new() { Name = "Send" }).PressAsync("Enter");
        await Expect(page.Locator("#try-answer pre")).ToContainTextAsync("\"recommendation\"");
        await CheckAsync("api", page.Locator("#predict dl").First);

        await page.GetByRole(AriaRole.Link, new() { Name = "Model", Exact = true }).First.ClickAsync();
        await CheckAsync("model", page.Locator(".matrix"));
        Assert.EndsWith("/model", page.Url, StringComparison.Ordinal);

        await page.GetByRole(AriaRole.Link, new() { Name = "About" }).ClickAsync();
        await CheckAsync("about", page.GetByRole(AriaRole.Heading, new() { Name = "Its limits" }));

        // The list of images outlives the look around.
        await page.GoBackAsync();
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "The model in use" })).ToBeVisibleAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Classify" }).ClickAsync();
        await Expect(page.Locator("#queue .outcome")).ToHaveCountAsync(2);

        async Task CheckAsync(string state, ILocator ready)
        {
            await Expect(ready).ToBeVisibleAsync();
            await AssertAccessibleAsync(page, $"{state} at {width}");
            await SaveAsync(page, $"{state}-{width}-{scheme.ToString().ToLowerInvariant()}");
        }
    }

    [Fact]
    public async Task On_a_phone_the_triage_is_in_view_and_has_the_focus_and_warnings_stand_before_it()
    {
        IPage page = await OpenAsync(options: new() { ViewportSize = new() { Width = 390, Height = 844 }, Locale = "en-GB" }, before: p => AnswerAsync(p));
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        ILocator triage = page.Locator("#answer-heading");
        await Expect(triage).ToContainTextAsync("Refer");
        await Expect(triage).ToBeFocusedAsync();
        await Expect(triage).ToBeInViewportAsync(new() { Ratio = 1 });
        await Expect(page.Locator(".triage")).ToContainTextAsync("Probability of malignancy 47.0%, above the 95%-sensitivity point (21.0%).");
        await Expect(page.Locator(".triage")).ToContainTextAsync("Probability of melanoma 37.0%");
        string order = await page.EvaluateAsync<string>("[...document.querySelectorAll('.answer .warnings, .answer .triage, .answer .classes, .answer .members, .answer .opacity, .answer .similar, .answer footer')].map(e => e.className.split(' ')[0] || e.localName).join(' ')");
        Assert.Equal("warnings triage classes members opacity similar footer", order);
        Assert.Equal(["nv", "mel"], await page.Locator(".classes li:has(.in-set)").EvaluateAllAsync<string[]>("items => items.map(i => i.dataset.code)"));
        await Expect(page.Locator("[data-code=mel] .kind")).ToHaveTextAsync("malignant");
        await Expect(page.Locator("[data-code=akiec] .kind")).ToHaveTextAsync("premalignant");
        await Expect(page.Locator("[data-code=vasc] .percent")).ToHaveTextAsync("<0.1%");
        await page.GetByText("What each network says").ClickAsync();
        await Expect(page.Locator(".members thead")).ToContainTextAsync("Network 2: MobileNetV2");
        Assert.DoesNotContain("mobilenet_v2", await page.Locator("body").InnerTextAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_heat_map_fades_with_its_slider_and_what_the_model_sees_takes_the_place_of_the_image()
    {
        IPage page = await OpenAsync(before: p => AnswerAsync(p));
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await page.GetByLabel("Heat map opacity").FillAsync("20");
        await Expect(page.Locator(".heat")).ToHaveCSSAsync("opacity", "0.2");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show what the model sees" }).ClickAsync();
        using JsonDocument manifest = JsonDocument.Parse(await App.Client.GetStringAsync(new Uri("api/model", UriKind.Relative), Cancellation));
        int size = manifest.RootElement.GetProperty("input").GetProperty("size").GetInt32();
        Assert.Equal(size, await page.Locator(".pixels img").EvaluateAsync<int>("image => image.naturalWidth"));
        await Expect(page.Locator(".photo")).ToBeHiddenAsync();
        await Expect(page.GetByLabel("Heat map opacity")).ToBeHiddenAsync(); // of a picture that is not shown
        Assert.True(await page.Locator(".pixels").EvaluateAsync<bool>("pixels => Math.abs(pixels.getBoundingClientRect().top - pixels.parentElement.getBoundingClientRect().top) < 1"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Show the image" }).ClickAsync();
        await Expect(page.Locator(".photo")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task An_answer_of_a_model_without_operating_points_shows_its_probabilities_and_nothing_made_up()
    {
        IPage page = await OpenAsync(before: p => AnswerAsync(p, json =>
        {
            Dictionary<string, JsonElement> answer = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;
            string[] required = ["id", "label", "probabilities", "members", "model", "notice"];
            return JsonSerializer.Serialize(answer.Where(a => required.Contains(a.Key)).ToDictionary());
        }));
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#answer-heading")).ToHaveTextAsync("Most probable: Melanocytic nevus, 44.0%");
        await Expect(page.Locator(".triage")).ToContainTextAsync("Malignant or premalignant together: 47.0%");
        await Expect(page.Locator(".warnings, .in-set, .heat, .similar, .opacity")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task The_report_prints_on_one_page_with_its_figures_id_model_and_notice()
    {
        IPage page = await OpenAsync(before: p => AnswerAsync(p));
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator(".answer")).ToBeVisibleAsync();
        await page.EmulateMediaAsync(new() { Media = Media.Print });
        foreach (string shown in (string[])[".report-title", ".photo", ".triage", ".classes", ".answer-notice", ".answer > footer"])
        {
            await Expect(page.Locator(shown)).ToBeVisibleAsync();
        }

        await Expect(page.Locator(".answer > footer")).ToContainTextAsync("Answer 5a9d1c04-3be2-4b0e-8f3a-2a2b4a96cf48");
        await Expect(page.Locator(".answer > footer")).ToContainTextAsync("version 20261125-222507");
        await Expect(page.Locator("nav.pages")).ToBeHiddenAsync();
        await SaveAsync(page, "report");
        string pdf = System.Text.Encoding.Latin1.GetString(await page.PdfAsync());
        Assert.Contains("/Count 1", pdf, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bars_are_seen_in_forced_colours_and_the_page_fits_at_400_percent()
    {
        // 1280 pixels at 400 % are 320 (WCAG 2.2, 1.4.10).
        IPage page = await OpenAsync(options: new() { ForcedColors = ForcedColors.Active, ViewportSize = new() { Width = 320, Height = 256 }, ReducedMotion = ReducedMotion.Reduce, Locale = "en-GB" }, before: p => AnswerAsync(p));
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        ILocator bar = page.Locator(".classes .bar").First;
        string[] colours = await bar.EvaluateAsync<string[]>("bar => [getComputedStyle(bar.firstChild).backgroundColor, getComputedStyle(bar).backgroundColor, getComputedStyle(bar).borderTopWidth]");
        Assert.NotEqual(colours[0], colours[1]);
        Assert.Equal("1px", colours[2]);
        await AssertAccessibleAsync(page, "forced colours at 320");
        await SaveAsync(page, "forced-colours");
        foreach (string path in (string[])["results", "model", "about", "api"])
        {
            await page.GotoAsync(new Uri(App.Address, path).ToString());
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            Assert.True(await page.EvaluateAsync<int>("document.documentElement.scrollWidth") <= 320, $"/{path} is wider than the screen at 400 %.");
        }
    }

    [Fact]
    public async Task A_german_browser_gets_german_words_numbers_and_dates()
    {
        IPage page = await OpenAsync(options: new() { Locale = "de-DE" }, before: p => AnswerAsync(p));
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("Dermatoskopische Bilder einordnen");
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#answer-heading")).ToContainTextAsync("Überweisen");
        await Expect(page.Locator("[data-code=nv] .percent")).ToHaveTextAsync("44,0\u00a0%");
        await Expect(page.Locator(".answer > footer")).ToContainTextAsync(new Regex(@"Beantwortet am \d\d\.\d\d\.\d{4}, \d\d:\d\d"));
        await AssertAccessibleAsync(page, "German");
        await page.GetByRole(AriaRole.Link, new() { Name = "EN", Exact = true }).ClickAsync();
        await page.GotoAsync(new Uri(App.Address, "about").ToString());
        await Expect(page.GetByRole(AriaRole.Heading, new() { Level = 1 })).ToHaveTextAsync("About Lentigo"); // the choice is kept
    }

    [Fact]
    public async Task The_model_card_names_groups_and_models_in_the_readers_words()
    {
        IPage page = await OpenAsync("model", new() { Locale = "de-DE", ViewportSize = new() { Width = 390, Height = 844 } });
        ILocator card = page.Locator("#model");
        await Expect(card).ToContainTextAsync("männlich");
        await Expect(card).ToContainTextAsync("Verlaufskontrolle");
        Assert.DoesNotMatch(@"follow_up|histo\b|extremity|female|under 30|<0,1", await card.InnerTextAsync());
        await Expect(page.GetByRole(AriaRole.Table).Last.Locator("tbody th").First).ToHaveTextAsync(new Regex("^lentigo"));
        Assert.Equal(1, await page.Locator(".facts").EvaluateAsync<int>("facts => getComputedStyle(facts).gridTemplateColumns.split(' ').length"));
    }

    [Fact]
    public async Task Without_JavaScript_a_plain_form_classifies_and_says_what_is_wrong()
    {
        IPage page = await OpenAsync(options: new() { JavaScriptEnabled = false, Locale = "en-GB" }, expectFaults: true);
        await Expect(page.Locator("#drop")).ToBeHiddenAsync();
        await SendAsync("lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        await Expect(page.Locator(".card footer")).ToContainTextAsync("Decision support, not a diagnosis. A physician decides.");
        await Expect(page.Locator(".triage")).ToContainTextAsync(new Regex(@"Probability of malignancy \d+\.\d%, (above|below) the \d\d%-sensitivity point \(\d+\.\d%\)\."));
        await page.GetByRole(AriaRole.Link, new() { Name = "Classify another image" }).ClickAsync();
        await SendAsync("text named.jpg", LesionFiles.BadContent("text named.jpg"));
        await Expect(page.Locator(".problem h2")).ToHaveTextAsync("Not a usable image");

        async Task SendAsync(string name, byte[] content)
        {
            await page.Locator("#plain-image").SetInputFilesAsync(new FilePayload { Name = name, MimeType = "image/jpeg", Buffer = content });
            await page.GetByRole(AriaRole.Button, new() { Name = "Classify" }).ClickAsync();
        }
    }

    [Theory]
    [InlineData("", "en-GB")]
    [InlineData("", "de-DE")]
    [InlineData("results", "en-GB")]
    [InlineData("results", "de-DE")]
    [InlineData("model", "en-GB")]
    [InlineData("model", "de-DE")]
    [InlineData("about", "en-GB")]
    [InlineData("about", "de-DE")]
    public async Task A_page_needs_at_most_130_kB_before_anything_optional(string path, string locale)
    {
        IPage page = await OpenAsync(path, new() { Locale = locale });
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        int[] bytes = await page.EvaluateAsync<int[]>(
            """
            [e => e.decodedBodySize, e => e.encodedBodySize].map(size => [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
              .filter(e => !e.name.includes("/api/")).reduce((sum, e) => sum + size(e), 0))
            """);
        TestContext.Current.TestOutputHelper?.WriteLine($"/{path} in {locale}: {bytes[0]} bytes, {bytes[1]} transferred");
        Assert.InRange(bytes[0], 50_000, 130_000);
        Assert.InRange(bytes[1], 10_000, 46_000); // with gzip; over https browsers take Brotli, which is smaller
    }

    [Fact]
    public async Task The_first_view_is_painted_within_a_second()
    {
        // The best of several loads, beside a text that the same app serves: other tests keep the machine busy.
        double paint = double.PositiveInfinity, bare = double.PositiveInfinity;
        for (int load = 0; load < 20 && (load == 0 || paint > 1000 + (2 * bare)); load++)
        {
            IPage page = await OpenAsync("api/health", expectFaults: true);
            await Expect(page.Locator("body")).ToBeVisibleAsync();
            bare = Math.Min(bare, await FirstPaintAsync(page));
            page = await OpenAsync();
            await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Even spot", Exact = true })).ToBeVisibleAsync();
            paint = Math.Min(paint, await FirstPaintAsync(page));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"First paint after {paint:0} ms, of a bare text after {bare:0} ms");
        Assert.InRange(paint, 0, 1000 + (2 * bare));

        static Task<double> FirstPaintAsync(IPage page) => page.EvaluateAsync<double>("performance.getEntriesByName('first-contentful-paint')[0].startTime");
    }

    [Fact]
    public async Task A_confirmed_diagnosis_is_kept_once_and_the_images_name_is_in_no_address_that_it_is_sent_to()
    {
        const string Name = "diagnosed/Anna Smith.jpg";
        await App.ResultAsync(Name, (await App.DropAsync(Name, LesionFiles.Jpeg(12))).ETag);
        ConcurrentQueue<string> sent = []; // the page goes on asking
        IPage page = await OpenAsync("results", expectFaults: true);
        page.Request += (_, request) => sent.Enqueue($"{request.Method} {request.Url}");
        await page.GetByText("Filters").ClickAsync();
        await page.GetByLabel("Name begins with").FillAsync("diagnosed/");
        await page.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = $"Details: {Name}" }).ClickAsync();
        await page.GetByLabel("Confirmed diagnosis").SelectOptionAsync("mel");
        ILocator save = page.GetByRole(AriaRole.Button, new() { Name = "Save", Exact = true });
        await save.ClickAsync();
        await Expect(page.Locator(".feedback [role=status]")).ToHaveTextAsync("Saved: Melanoma.");
        await save.ClickAsync();
        await Expect(page.Locator(".feedback [role=status]")).ToHaveTextAsync("A diagnosis is on record for this result already.");
        Assert.Equal(2, sent.Count(s => s.StartsWith("POST", StringComparison.Ordinal)));
        Assert.DoesNotContain(sent, s => s.StartsWith("POST", StringComparison.Ordinal) && s.Contains("Smith", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Results_and_diagnoses_that_storage_does_not_take_or_give_are_told_and_come_when_it_is_back()
    {
        const string Name = "stored/lesion.jpg";
        await App.ResultAsync(Name, (await App.DropAsync(Name, LesionFiles.Jpeg(13))).ETag);
        bool isBroken = true;
        IPage page = await OpenAsync("results", expectFaults: true, before: p => p.RouteAsync("**/api/results**", route => isBroken
            ? route.FulfillAsync(new() { Status = 500, ContentType = "application/problem+json", Body = """{ "type": "urn:lentigo:problem:internal", "title": "Internal error", "status": 500, "detail": "..." }""" })
            : route.ContinueAsync()));
        await Expect(page.Locator("#results-status")).ToContainTextAsync("The service failed");
        isBroken = false;
        await Expect(page.Locator("#result-list tbody tr").First).ToBeVisibleAsync(); // the page asks again
        await page.GetByText("Filters").ClickAsync();
        await page.GetByLabel("Name begins with").FillAsync("stored/");
        await page.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = $"Details: {Name}" }).ClickAsync();
        await page.GetByLabel("Confirmed diagnosis").SelectOptionAsync("nv");
        isBroken = true;
        await page.GetByRole(AriaRole.Button, new() { Name = "Save", Exact = true }).ClickAsync();
        await Expect(page.Locator(".feedback .error")).ToContainTextAsync("Try again");
        isBroken = false;
        await page.GetByRole(AriaRole.Button, new() { Name = "Save", Exact = true }).ClickAsync();
        await Expect(page.Locator(".feedback [role=status]")).ToHaveTextAsync("Saved: Melanocytic nevus.");
    }

    [Fact]
    public async Task Of_ten_thousand_results_a_few_pages_are_kept_and_the_newest_are_a_click_away()
    {
        const int PageSize = 50, Most = 200;
        int newest = 10_000;
        IPage page = await OpenAsync("results", before: async p =>
        {
            await p.RouteAsync(url => url.Contains("/api/results?", StringComparison.Ordinal), route => route.FulfillAsync(new() { ContentType = "application/json", Body = ResultsFrom(route.Request.Url) }));
            await p.RouteAsync("**/api/pictures/**", route => route.FulfillAsync(new() { ContentType = "image/jpeg", BodyBytes = LesionFiles.Jpeg() }));
        });
        ILocator rows = page.Locator("#result-list tbody tr"), more = page.GetByRole(AriaRole.Button, new() { Name = "Show older results" });
        await ShownAsync(10_000, PageSize);
        for (int shown = 2 * PageSize; shown <= Most; shown += PageSize)
        {
            await more.ClickAsync();
            await ShownAsync(10_000, shown);
        }

        // Beyond that older ones take their place, page for page, and nothing pushes in above them.
        await more.ClickAsync();
        await ShownAsync(10_000 - Most, PageSize);
        await Expect(rows.First.GetByRole(AriaRole.Button)).ToBeFocusedAsync();
        for (int first = 10_000 - Most; first > 8000; first -= Most)
        {
            for (int shown = 2 * PageSize; shown <= Most; shown += PageSize)
            {
                await more.ClickAsync();
                await ShownAsync(first, shown);
            }

            await more.ClickAsync();
            await ShownAsync(first - Most, PageSize);
        }

        Assert.InRange(await page.EvaluateAsync<int>("document.querySelectorAll('*').length"), 100, 5000);
        await page.GetByRole(AriaRole.Button, new() { Name = "Back to the newest results" }).ClickAsync();
        await ShownAsync(10_000, PageSize);

        // Three new ones come above; after more than a page of them the list has no gap.
        newest += 3;
        await ShownAsync(10_003, PageSize + 3);
        newest += 500;
        await ShownAsync(10_503, PageSize);

        async Task ShownAsync(int first, int count)
        {
            await Expect(rows.First).ToContainTextAsync($"{first:00000}.jpg");
            await Expect(rows).ToHaveCountAsync(count);
            await Expect(rows.Last).ToContainTextAsync($"{first - count + 1:00000}.jpg");
        }

        string ResultsFrom(string url)
        {
            int first = Regex.Match(url, @"continuation=(\d+)") is { Success: true } match ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : newest;
            return JsonSerializer.Serialize(new
            {
                items = Enumerable.Range(0, PageSize).Select(i => first - i).Select(n => new
                {
                    name = $"{n:00000}.jpg", time = DateTimeOffset.UnixEpoch.AddSeconds(n), status = "classified",
                    label = new { code = "nv", name = "Melanocytic nevus", probability = 0.9 }, triage = new { recommendation = "routine", malignantProbability = 0.02 },
                }),
                continuation = (first - PageSize).ToString(CultureInfo.InvariantCulture),
            });
        }
    }

    [Fact]
    public async Task New_results_appear_by_themselves()
    {
        IPage page = await OpenAsync("results");
        await page.GetByText("Filters").ClickAsync();
        await page.GetByLabel("Name begins with").FillAsync("live/");
        await page.GetByRole(AriaRole.Button, new() { Name = "Apply" }).ClickAsync();
        await Expect(page.GetByText("No result fits these filters.")).ToBeVisibleAsync();
        await App.DropAsync("live/bad.jpg", LesionFiles.BadContent("text named.jpg"));
        await Expect(page.Locator("#result-list tbody tr")).ToHaveCountAsync(1);
        await Expect(page.Locator("#result-list")).ToContainTextAsync("Not a usable image");
    }
}
