using System.Text.RegularExpressions;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lentigo.EndToEnd.Tests;

/// <summary>The page in a real browser. Each test leaves a screenshot in the test's output folder.</summary>
public sealed partial class BrowserTests(SharedApp shared, BrowserFixture browser) : IClassFixture<BrowserFixture>, IAsyncDisposable
{
    private readonly List<string> faults = [];
    private readonly List<IBrowserContext> contexts = [];

    public async ValueTask DisposeAsync()
    {
        foreach (IBrowserContext context in contexts)
        {
            await context.DisposeAsync();
        }

        Assert.Empty(faults);
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1200, 900)]
    [InlineData(ColorScheme.Dark, 390, 844)]
    public async Task Choosing_an_image_shows_seven_ranked_probabilities_and_the_notice(ColorScheme scheme, int width, int height)
    {
        IPage page = await OpenAsync(new() { ColorScheme = scheme, ViewportSize = new() { Width = width, Height = height } });
        await Expect(page.GetByText("Decision support, not a diagnosis.")).ToBeVisibleAsync();
        await Expect(page.Locator("#service")).ToContainTextAsync("The service runs the model lentigo");
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#probabilities li")).ToHaveCountAsync(7);
        await Expect(page.Locator("#status")).ToContainTextAsync("Most probable: ");
        await Expect(page.Locator("#preview")).ToBeVisibleAsync();
        await Expect(page.Locator("#answer-notice")).ToHaveTextAsync("This is decision support, not a diagnosis.");

        double[] shares = [.. (await page.Locator("#probabilities .percent").AllTextContentsAsync()).Select(t => double.Parse(t.Trim('<', '%')))];
        Assert.Equal(shares.OrderDescending(), shares);
        Assert.Equal(100, shares.Sum(), 1.0); // each is rounded
        string[] marked = [.. await page.Locator("#probabilities li:has(.mark)").AllTextContentsAsync()];
        Assert.Equal(3, marked.Length);
        Assert.Contains(marked, m => m.StartsWith("Melanoma", StringComparison.Ordinal));
        float whole = (await page.Locator("#probabilities .bar").First.BoundingBoxAsync())!.Width, filled = (await page.Locator("#probabilities .bar span").First.BoundingBoxAsync())!.Width;
        Assert.Equal(shares[0] / 100, filled / whole, 0.02);
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), "The page is wider than the screen.");

        await page.GetByText("What each network says").ClickAsync();
        await Expect(page.Locator("#members li").First).ToBeVisibleAsync();
        await SaveAsync(page, $"answer-{scheme}");
    }

    [Fact]
    public async Task A_dropped_and_a_pasted_image_are_classified_too()
    {
        IPage page = await OpenAsync();
        await GiveAsync(page, "drop", LesionFiles.Of("png"));
        await Expect(page.Locator("#probabilities li")).ToHaveCountAsync(7);
        await page.ReloadAsync();
        await Expect(page.Locator("#answer")).ToBeHiddenAsync();
        await GiveAsync(page, "paste", LesionFiles.Of("png"));
        await Expect(page.Locator("#probabilities li")).ToHaveCountAsync(7);
    }

    [Theory]
    [InlineData("text named.jpg", "Not a supported image")]
    [InlineData("empty.jpg", "No image")]
    [InlineData("truncated.jpg", "Unreadable image")]
    [InlineData("huge header.png", "Too many pixels")]
    public async Task A_bad_file_shows_its_problem_and_the_next_good_one_its_answer(string name, string title)
    {
        IPage page = await OpenAsync(expectFaults: true);
        await ChooseAsync(page, name, LesionFiles.BadContent(name));
        await Expect(page.Locator("#status strong")).ToHaveTextAsync(title);
        await Expect(page.Locator("#answer")).ToBeHiddenAsync();
        await SaveAsync(page, "problem");
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#probabilities li")).ToHaveCountAsync(7);
    }

    [Fact]
    public async Task An_image_that_the_browser_cannot_show_is_classified_without_a_preview()
    {
        IPage page = await OpenAsync();
        await ChooseAsync(page, "lesion.tif", LesionFiles.Of("tif"));
        await Expect(page.Locator("#probabilities li")).ToHaveCountAsync(7);
        await Expect(page.Locator("#preview")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task The_page_can_be_used_with_the_keyboard_alone()
    {
        IPage page = await OpenAsync();
        page.FileChooser += (_, _) => { }; // the browser's own dialog is off from here on, well before the key that opens it
        await page.ReloadAsync();
        await Expect(page.Locator("#service")).ToContainTextAsync("The service runs");
        await page.Keyboard.PressAsync("Tab");
        Assert.Equal("file", await page.EvaluateAsync<string>("document.activeElement.id"));
        IFileChooser chooser = await page.RunAndWaitForFileChooserAsync(() => page.Keyboard.PressAsync("Enter"));
        await chooser.SetFilesAsync(new FilePayload { Name = "lesion.jpg", MimeType = "image/jpeg", Buffer = LesionFiles.Jpeg() });
        await Expect(page.Locator("#probabilities li")).ToHaveCountAsync(7);
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#members li").First).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_key_is_asked_for_where_the_service_demands_one()
    {
        Assert.SkipWhen(browser.Browser is null, BrowserFixture.HowToGetOne);
        await using RunningApp app = await RunningApp.StartAsync(new() { ["Launcher__RequireKeys"] = "true", ["Launcher__FunctionKey"] = "secret-key" });
        IPage page = await OpenAsync(expectFaults: true, address: app.Address);
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#status strong")).ToHaveTextAsync("Key needed");
        await page.GetByLabel("This service asks for a function key.").FillAsync("wrong");
        await page.Keyboard.PressAsync("Enter");
        await Expect(page.Locator("#status")).ToContainTextAsync("does not accept this key");
        await page.GetByLabel("This service asks for a function key.").FillAsync("secret-key");
        await page.GetByRole(AriaRole.Button, new() { Name = "Use key" }).ClickAsync();
        await Expect(page.Locator("#probabilities li")).ToHaveCountAsync(7);
        await Expect(page.Locator("#key-form")).ToBeHiddenAsync();
    }

    [Fact]
    public async Task A_service_that_is_gone_is_said_to_be_gone()
    {
        IPage page = await OpenAsync(expectFaults: true);
        await page.Context.SetOfflineAsync(true);
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator("#status")).ToContainTextAsync("cannot be reached");
    }

    private async Task<IPage> OpenAsync(BrowserNewContextOptions? options = null, bool expectFaults = false, Uri? address = null)
    {
        Assert.SkipWhen(browser.Browser is null, BrowserFixture.HowToGetOne);
        IBrowserContext context = await browser.Browser.NewContextAsync(options);
        contexts.Add(context);
        IPage page = await context.NewPageAsync();
        page.PageError += (_, error) => faults.Add(error);
        page.Console += (_, message) =>
        {
            // A refused image is a failed request, which the browser notes; a breach of the content security policy never is expected.
            if (message.Type == "error" && !(expectFaults && FailedRequest().IsMatch(message.Text)))
            {
                faults.Add(message.Text);
            }
        };
        await page.GotoAsync((address ?? shared.App.Address).ToString());
        return page;
    }

    private static Task ChooseAsync(IPage page, string name, byte[] content) =>
        page.Locator("#file").SetInputFilesAsync(new FilePayload { Name = name, MimeType = "image/jpeg", Buffer = content });

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

    private static Task SaveAsync(IPage page, string name) =>
        page.ScreenshotAsync(new() { Path = Path.Combine(AppContext.BaseDirectory, "screenshots", $"{name}.png"), FullPage = true });

    [GeneratedRegex("^Failed to load resource")]
    private static partial Regex FailedRequest();
}
