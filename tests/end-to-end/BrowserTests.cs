using System.Text;
using System.Text.Json;
using Microsoft.Playwright;
using NetVips;
using static Microsoft.Playwright.Assertions;

namespace Lentigo.EndToEnd.Tests;

/// <summary>Classifying on the page in a real browser.</summary>
public sealed class BrowserTests(SharedApp shared, BrowserFixture browser) : BrowserTest(shared, browser)
{
    [Fact]
    public async Task A_dropped_and_a_pasted_image_are_classified_too()
    {
        IPage page = await OpenAsync();
        await GiveAsync(page, "drop", LesionFiles.Of("png"));
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        await page.ReloadAsync();
        await Expect(page.Locator(".answer")).ToHaveCountAsync(0);
        await GiveAsync(page, "paste", LesionFiles.Of("png"));
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
    }

    [Theory]
    [InlineData("text named.jpg", "Not a usable image")]
    [InlineData("empty.jpg", "No image")]
    [InlineData("truncated.jpg", "Damaged image")]
    [InlineData("huge header.png", "Too many pixels")]
    public async Task A_bad_file_shows_its_problem_and_the_next_good_one_its_answer(string name, string title)
    {
        IPage page = await OpenAsync(expectFaults: true);
        await ChooseAsync(page, name, LesionFiles.BadContent(name));
        await Expect(page.Locator(".problem h2")).ToHaveTextAsync(title);
        await Expect(page.Locator(".problem h2")).ToBeFocusedAsync();
        await AssertAccessibleAsync(page, name);
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
    }

    [Fact]
    public async Task What_cannot_be_an_image_is_refused_on_this_device_in_a_clinicians_words()
    {
        (string Name, byte[] Content, string Title)[] files = [
            ("letter.pdf", [.. "%PDF-1.7\n"u8, .. new byte[200]], "A PDF, not an image"),
            ("scan.dcm", [.. new byte[128], .. "DICM"u8, .. new byte[100]], "DICOM file that cannot be used"),
            ("film.dcm", LesionFiles.Dicom(4, "Smith^Anna", isExplicit: true)[..5000], "DICOM file that cannot be used"),
            ("broken.heic", (await File.ReadAllBytesAsync(HeicPath, Cancellation))[..900], "HEIC photo cannot be opened"),
        ];
        List<string> sent = [];
        IPage page = await OpenAsync();
        page.Request += (_, request) => sent.Add($"{request.Method} {request.Url}");
        foreach ((string name, byte[] content, string title) in files)
        {
            await ChooseAsync(page, name, content);
            await RefusedAsync(title);
        }

        // A path, since the content would go through the browser's debugging protocol as text.
        string large = Path.Combine(Directory.CreateTempSubdirectory("lentigo-large-").FullName, "large.tif");
        await File.WriteAllBytesAsync(large, [.. "II*\0"u8, .. new byte[21_000_000]], Cancellation);
        await page.Locator("#file").SetInputFilesAsync(large);
        await RefusedAsync("File too large");
        Directory.Delete(Path.GetDirectoryName(large)!, recursive: true);
        Assert.DoesNotContain(sent, s => s.StartsWith("POST", StringComparison.Ordinal));

        async Task RefusedAsync(string title)
        {
            await Expect(page.Locator(".problem h2")).ToHaveTextAsync(title);
            await Expect(page.Locator(".problem")).Not.ToContainTextAsync("bytes");
        }
    }

    [Fact]
    public async Task A_heic_photo_is_converted_on_this_device_by_a_library_that_is_loaded_only_then()
    {
        List<string> asked = [];
        IPage page = await OpenAsync(before: p =>
        {
            p.Context.Request += (_, request) => asked.Add(request.Url);
            return Task.CompletedTask;
        });
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        Assert.DoesNotContain(asked, url => url.Contains("heif", StringComparison.Ordinal));
        await ChooseAsync(page, "photo.heic", await File.ReadAllBytesAsync(HeicPath, Cancellation));
        await Expect(page.Locator(".file")).ToHaveTextAsync("Image: photo.heic");
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        int[] size = await page.Locator(".photo").EvaluateAsync<int[]>("image => [image.naturalWidth, image.naturalHeight]");
        Assert.Equal((320, 240), (size[0], size[1]));
    }

    [Fact]
    public async Task A_tiff_image_is_shown_and_classified()
    {
        IPage page = await OpenAsync();
        await ChooseAsync(page, "lesion.tif", LesionFiles.Of("tif"));
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        int[] size = await page.Locator(".photo").EvaluateAsync<int[]>("image => [image.naturalWidth, image.naturalHeight]");
        Assert.Equal((600, 450), (size[0], size[1]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_a_DICOM_file_the_pixels_alone_are_sent_and_shown(bool isExplicit)
    {
        byte[] file = LesionFiles.Dicom(4, "Smith^Anna", isExplicit);
        List<byte[]> sent = [];
        IPage page = await OpenAsync(before: p => p.RouteAsync(url => url.Contains("/api/pre", StringComparison.Ordinal), async route =>
        {
            sent.Add(route.Request.PostDataBuffer ?? []);
            await route.ContinueAsync();
        }));
        await ChooseAsync(page, "Anna Smith.dcm", file);
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        int[] size = await page.Locator(".photo").EvaluateAsync<int[]>("image => [image.naturalWidth, image.naturalHeight]");
        Assert.Equal((600, 450), (size[0], size[1]));
        Assert.Equal(2, sent.Count); // the picture and the answer
        Assert.All(sent, s => Assert.False(s.AsSpan().IndexOf("Smith"u8) >= 0 || s.AsSpan().IndexOf("19700101"u8) >= 0));
        Api.AssertSame((await App.PredictAsync(file)).Probabilities, (await App.PredictAsync(sent[1])).Probabilities);
    }

    [Fact]
    public async Task What_the_camera_wrote_is_not_sent_and_the_pixels_are_the_same()
    {
        byte[] plain = LesionFiles.Jpeg(5), secret = "Exif\0\0MM\0*\0\0\0\b\0\0Jane Doe 1970"u8.ToArray();
        byte[] photo = [.. plain.AsSpan(0, 2), 0xff, 0xe1, 0, (byte)(secret.Length + 2), .. secret, .. plain.AsSpan(2)];
        byte[] sent = [];
        IPage page = await OpenAsync(before: p => p.RouteAsync("**/api/predict*", async route =>
        {
            sent = route.Request.PostDataBuffer ?? [];
            await route.FulfillAsync(new() { ContentType = "application/json", Body = FullAnswer.Json });
        }));
        await ChooseAsync(page, "Jane Doe.jpg", photo);
        await Expect(page.Locator(".answer")).ToBeVisibleAsync();
        Assert.DoesNotContain("Jane", Encoding.Latin1.GetString(sent), StringComparison.Ordinal);
        Api.AssertSame((await App.PredictAsync(plain)).Probabilities, (await App.PredictAsync(sent)).Probabilities);
    }

    [Fact]
    public async Task A_photo_of_40_megapixels_is_scaled_before_it_is_sent()
    {
        using Image small = Image.NewFromBuffer(LesionFiles.Jpeg(3));
        using Image large = small.Resize(12.5); // 7500 x 5625
        byte[] photo = large.JpegsaveBuffer(q: 80), sent = [];
        IPage page = await OpenAsync(before: p => p.RouteAsync("**/api/predict*", async route =>
        {
            sent = route.Request.PostDataBuffer ?? [];
            await route.ContinueAsync();
        }));
        await ChooseAsync(page, "large.jpg", photo);
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        await Expect(page.Locator(".picture")).ToContainTextAsync("2048 × 1536");
        Assert.InRange(sent.Length, 1, 3_000_000);
        double shift = (await App.PredictAsync(photo)).Probabilities.Join((await App.PredictAsync(sent)).Probabilities, p => p.Code, p => p.Code, (a, b) => Math.Abs(a.Probability - b.Probability)).Max();
        TestContext.Current.TestOutputHelper?.WriteLine($"The largest probability shift is {shift:0.0000}.");
        Assert.InRange(shift, 0, 0.05);
    }

    [Fact]
    public async Task Twenty_images_of_which_three_are_bad_are_ranked_and_saved_as_csv_and_json()
    {
        (string, byte[])[] files = [
            .. Enumerable.Range(1, 17).Select(i => (i == 1 ? "=<script>alert(1)<\u2215script>.jpg" : $"lesion {i}.jpg", LesionFiles.Jpeg(i))),
            ("letter.pdf", "%PDF-1.7"u8.ToArray()), ("text named.jpg", LesionFiles.BadContent("text named.jpg")), ("truncated.jpg", LesionFiles.BadContent("truncated.jpg"))];
        IPage page = await OpenAsync(expectFaults: true);
        await ChooseAsync(page, files);
        await Expect(page.Locator("#queue")).ToContainTextAsync("20 of 20 done", new() { Timeout = 300_000 }); // the machine may be busy
        await Expect(page.Locator("#live")).ToContainTextAsync("Without an answer: 3.");
        double[] malignancies = [.. (await page.Locator("#queue td.number:not(:empty)").AllTextContentsAsync()).Select(t => double.Parse(t.Trim('<', '>', '%')))];
        Assert.Equal(17, malignancies.Length);
        Assert.Equal(malignancies.OrderDescending(), malignancies);
        await Expect(page.Locator("#queue tbody tr:nth-child(n + 18) .error")).ToHaveCountAsync(3);
        await Expect(page.GetByText("=<script>alert(1)").First).ToBeVisibleAsync();

        string[] lines = (await SavedAsync("Save as CSV")).Trim('\ufeff').Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(21, lines.Length);
        Assert.Contains(lines, l => l.StartsWith("'=<script>", StringComparison.Ordinal)); // no formula
        Assert.Contains("decision support, not a diagnosis", lines[1], StringComparison.Ordinal);
        using JsonDocument json = JsonDocument.Parse(await SavedAsync("Save as JSON"));
        Assert.Equal(17, json.RootElement.EnumerateArray().Count(i => i.TryGetProperty("result", out JsonElement r) && r.GetProperty("probabilities").GetArrayLength() == 7));

        await page.GetByRole(AriaRole.Button, new() { Name = "Remove: letter.pdf" }).ClickAsync();
        await Expect(page.Locator("#queue tbody tr")).ToHaveCountAsync(19);
        await page.GetByRole(AriaRole.Button, new() { Name = "Clear list" }).ClickAsync();
        await Expect(page.Locator("#queue")).ToBeHiddenAsync();

        async Task<string> SavedAsync(string button)
        {
            IDownload download = await page.RunAndWaitForDownloadAsync(() => page.GetByRole(AriaRole.Button, new() { Name = button }).ClickAsync());
            return await File.ReadAllTextAsync(await download.PathAsync(), Cancellation);
        }
    }

    [Fact]
    public async Task Images_can_be_cancelled_and_tried_again()
    {
        bool isHeld = true;
        TaskCompletionSource held = new();
        IPage page = await OpenAsync(expectFaults: true, before: p => p.RouteAsync("**/api/predict*", async route =>
        {
            if (isHeld)
            {
                await held.Task;
            }

            await route.FulfillAsync(new() { ContentType = "application/json", Body = FullAnswer.Json });
        }));
        await ChooseAsync(page, [.. Enumerable.Range(1, 5).Select(i => ($"{i}.jpg", LesionFiles.Jpeg(i)))]);
        await Expect(page.Locator("#queue")).ToContainTextAsync("Classifying…");
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel all" }).ClickAsync();
        await Expect(page.Locator("#queue")).ToContainTextAsync("5 of 5 done");
        await Expect(page.Locator("#queue").GetByText("Canceled")).ToHaveCountAsync(5);
        isHeld = false;
        held.SetResult();
        await page.GetByRole(AriaRole.Button, new() { Name = "Try again: 2.jpg" }).ClickAsync();
        await Expect(page.Locator("#queue .outcome")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Button, new() { Name = "Try failed ones again" }).ClickAsync();
        await Expect(page.Locator("#queue .outcome")).ToHaveCountAsync(5);
    }

    [Fact]
    public async Task A_service_that_goes_in_the_middle_leaves_the_answers_and_the_rest_can_be_tried_again()
    {
        bool isGone = false;
        int answers = 0;
        IPage page = await OpenAsync(expectFaults: true, before: p => p.RouteAsync("**/api/predict*", async route =>
        {
            if (isGone |= Interlocked.Increment(ref answers) is 3)
            {
                await route.AbortAsync("connectionrefused");
            }
            else
            {
                await route.FulfillAsync(new() { ContentType = "application/json", Body = FullAnswer.Json });
            }
        }));
        await ChooseAsync(page, [.. Enumerable.Range(1, 4).Select(i => ($"{i}.jpg", LesionFiles.Jpeg(i)))]);
        await Expect(page.Locator("#queue")).ToContainTextAsync("4 of 4 done");
        await Expect(page.Locator("#queue .outcome")).ToHaveCountAsync(2);
        await Expect(page.Locator("#queue").GetByText("No connection to the service")).ToHaveCountAsync(2);
        (isGone, answers) = (false, 10);
        await page.GetByRole(AriaRole.Button, new() { Name = "Try failed ones again" }).ClickAsync();
        await Expect(page.Locator("#queue .outcome")).ToHaveCountAsync(4);
    }

    [Fact]
    public async Task While_the_model_loads_the_page_waits_and_asks_again()
    {
        int asked = 0, health = 0;
        IPage page = await OpenAsync(expectFaults: true, before: async p =>
        {
            RouteFulfillOptions loading = new()
            {
                Status = 503, ContentType = "application/problem+json", Headers = new Dictionary<string, string> { ["Retry-After"] = "1", ["Content-Type"] = "application/problem+json" },
                Body = """{ "type": "urn:lentigo:problem:no-model", "title": "No model", "status": 503, "detail": "..." }""",
            };
            await p.RouteAsync("**/api/health", route => Interlocked.Increment(ref health) == 1 ? route.FulfillAsync(loading) : route.ContinueAsync());
            await p.RouteAsync("**/api/predict*", route => Interlocked.Increment(ref asked) <= 2 ? route.FulfillAsync(loading) : route.FulfillAsync(new() { ContentType = "application/json", Body = FullAnswer.Json }));
        });
        await Expect(page.Locator("#service")).ToContainTextAsync("is starting");
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#answer")).ToContainTextAsync("Trying again in 1 s");
        await Expect(page.Locator(".answer")).ToBeVisibleAsync();
        await Expect(page.Locator("#service")).ToContainTextAsync("The service is ready");
    }

    [Fact]
    public async Task The_page_can_be_used_with_the_keyboard_alone()
    {
        IPage page = await OpenAsync();
        page.FileChooser += (_, _) => { }; // the browser's own dialog is off from here on, well before the key that opens it
        await page.ReloadAsync();
        await Expect(page.Locator("#service")).ToContainTextAsync("The service is ready");
        await page.Keyboard.PressAsync("Tab");
        await Expect(page.Locator(".skip")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("file", await page.EvaluateAsync<string>("document.activeElement.id"));
        IFileChooser chooser = await page.RunAndWaitForFileChooserAsync(() => page.Keyboard.PressAsync("Enter"));
        await chooser.SetFilesAsync(new FilePayload { Name = "lesion.jpg", MimeType = "image/jpeg", Buffer = LesionFiles.Jpeg() });
        await Expect(page.Locator("#answer-heading")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".members table")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_key_is_asked_for_once_where_the_service_demands_one()
    {
        Assert.SkipWhen(!BrowserFixture.IsAvailable, BrowserFixture.HowToGetOne);
        await using RunningApp app = await RunningApp.StartAsync(new() { ["Launcher__RequireKeys"] = "true", ["Launcher__FunctionKey"] = "secret-key" });
        IPage page = await OpenAsync(expectFaults: true, address: app.Address);
        await ChooseAsync(page, ("1.jpg", LesionFiles.Jpeg()), ("2.jpg", LesionFiles.Jpeg(2)));
        ILocator key = page.GetByLabel("This service asks for an access key");
        await Expect(key).ToBeFocusedAsync();
        await AssertAccessibleAsync(page, "key");
        await key.FillAsync("wrong");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#key-form")).ToContainTextAsync("does not accept this key");
        await key.FillAsync("secret-key");
        await page.GetByRole(AriaRole.Button, new() { Name = "Use key" }).ClickAsync();
        await Expect(page.Locator("#queue")).ToContainTextAsync("2 of 2 done");
        await Expect(page.Locator("#queue td.number:not(:empty)")).ToHaveCountAsync(2);
        await Expect(page.Locator("#key-form")).ToBeHiddenAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Results" }).ClickAsync();
        await Expect(page.GetByText("No results yet.")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_key_works_where_the_browser_keeps_nothing()
    {
        IPage page = await OpenAsync(expectFaults: true, before: async p =>
        {
            await p.AddInitScriptAsync("Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('denied', 'SecurityError'); } })");
            await p.RouteAsync("**/api/predict*", route => route.Request.Headers.GetValueOrDefault("x-functions-key") == "right"
                ? route.FulfillAsync(new() { ContentType = "application/json", Body = FullAnswer.Json })
                : route.FulfillAsync(new() { Status = 401 }));
        });
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await page.GetByLabel("This service asks for an access key").FillAsync("right");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator(".answer")).ToBeVisibleAsync();
    }

    private static string HeicPath => Path.Combine(Repository.Root, "tests", "end-to-end", "drawn.heic");

    /// <summary>Drops or pastes a file by the event that the browser would send.</summary>
    private static Task GiveAsync(IPage page, string how, byte[] content) => page.EvaluateAsync(
        """
        ([how, base64]) => {
          const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], "lesion.png", { type: "image/png" }));
          const event = how === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true });
          document.querySelector("#drop").dispatchEvent(event);
        }
        """,
        new[] { how, Convert.ToBase64String(content) });
}
