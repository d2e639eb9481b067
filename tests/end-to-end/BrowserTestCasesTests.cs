using System.Net;
using Microsoft.Playwright;
using static Microsoft.Playwright.Assertions;

namespace Lentigo.EndToEnd.Tests;

/// <summary>
/// The test cases TC1 to TC6 of the paper "Skin Cancer Detection Using Convolutional Neural Network" in a real browser, with nothing replaced. TC4, the navigation, is
/// in <see cref="BrowserPagesTests"/>.
/// </summary>
public sealed class BrowserTestCasesTests(SharedApp shared, BrowserFixture browser) : BrowserTest(shared, browser)
{
    [Fact]
    public async Task TC1_A_valid_image_gives_seven_ranked_probabilities_and_the_notice()
    {
        IPage page = await OpenAsync();
        await Expect(page.GetByText("Decision support, not a diagnosis.", new() { Exact = true }).First).ToBeVisibleAsync();
        await Expect(page.Locator("#service")).ToContainTextAsync("The service is ready: model lentigo");
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg());
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        await Expect(page.Locator(".photo")).ToBeVisibleAsync();
        await Expect(page.Locator(".answer-notice")).ToHaveTextAsync("Decision support, not a diagnosis. A physician decides.");
        double[] shares = [.. (await page.Locator(".classes .percent").AllTextContentsAsync()).Select(t => double.Parse(t.Trim('<', '>', '%')))];
        Assert.Equal(shares.OrderDescending(), shares);
        Assert.Equal(100, shares.Sum(), 1.0); // each is rounded
        float whole = (await page.Locator(".classes .bar").First.BoundingBoxAsync())!.Width, filled = (await page.Locator(".classes .bar span").First.BoundingBoxAsync())!.Width;
        Assert.Equal(shares[0] / 100, filled / whole, 0.02);
    }

    [Theory]
    [InlineData("notes.txt", "A common mole, left arm.", "Not a usable image")]
    [InlineData("letter.pdf", "%PDF-1.7 letter", "A PDF, not an image")]
    [InlineData("page.jpg", "<html><script>alert(1)</script></html>", "Not a usable image")]
    public async Task TC2_An_invalid_file_type_is_refused_and_cannot_be_tried_again(string name, string content, string title)
    {
        IPage page = await OpenAsync();
        List<string> sent = Sent(page);
        await ChooseAsync(page, name, System.Text.Encoding.UTF8.GetBytes(content));
        await Expect(page.Locator(".problem h2")).ToHaveTextAsync(title);
        await Expect(page.Locator(".problem")).ToContainTextAsync(name);
        await Expect(page.GetByRole(AriaRole.Button, new() { Name = "Try again" })).ToHaveCountAsync(0);
        await Expect(page.Locator(".answer")).ToHaveCountAsync(0);
        Assert.Empty(sent);
    }

    [Fact]
    public async Task TC3_Without_a_file_nothing_is_sent_and_a_file_is_asked_for()
    {
        IPage page = await OpenAsync();
        List<string> sent = Sent(page);
        await page.Locator("#file").SetInputFilesAsync(Array.Empty<string>()); // the dialog was cancelled
        await page.EvaluateAsync(
            """
            () => {
              const data = new DataTransfer();
              data.setData("text/plain", "not a file");
              document.querySelector("#drop").dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
              document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
            }
            """);
        await Expect(page.GetByRole(AriaRole.Heading, new() { Name = "Classify dermoscopy images" })).ToBeVisibleAsync();
        await Expect(page.Locator(".answer, .problem, .pending")).ToHaveCountAsync(0);
        Assert.Empty(sent);

        IPage plain = await OpenAsync(options: new() { JavaScriptEnabled = false, Locale = "en-GB" });
        await plain.GetByRole(AriaRole.Button, new() { Name = "Classify" }).ClickAsync();
        await Expect(plain.Locator("#plain-image:invalid")).ToBeVisibleAsync();
        Assert.EndsWith("/", plain.Url, StringComparison.Ordinal);

        // What a browser sends that does not check the form.
        using MultipartFormDataContent form = new() { { new ByteArrayContent([]), "image", "nothing" } };
        using HttpResponseMessage response = await App.Client.PostAsync(new Uri("classify", UriKind.Relative), form, Cancellation);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Contains("<h2>No image</h2>", await response.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TC5_The_same_image_gives_the_same_answer()
    {
        byte[] image = LesionFiles.Jpeg(8);
        string[] expected = [.. (await App.PredictAsync(image)).Probabilities.Select(p => p.Name)];
        IPage page = await OpenAsync();
        string[]? first = null;
        for (int time = 0; time < 3; time++)
        {
            await ChooseAsync(page, $"{time}.jpg", image);
            await Expect(page.Locator(".file")).ToHaveTextAsync($"Image: {time}.jpg");
            string[] answer = [.. await page.Locator(".classes .percent").AllTextContentsAsync(), await page.Locator("#answer-heading").InnerTextAsync()];
            Assert.Equal(first ??= answer, answer);
            string[] names = [.. await page.Locator(".classes .name").AllTextContentsAsync()];
            Assert.All(expected.Zip(names), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(320, 640)]
    [InlineData(390, 844)]
    [InlineData(768, 1024)]
    [InlineData(1024, 768)]
    [InlineData(1920, 1080)]
    public async Task TC6_On_every_screen_an_image_is_classified_with_the_recommendation_in_view_and_controls_large_enough(int width, int height)
    {
        IPage page = await OpenAsync(options: new() { ViewportSize = new() { Width = width, Height = height }, HasTouch = width < 1000, Locale = "en-GB" });
        await ChooseAsync(page, "lesion.jpg", LesionFiles.Jpeg(9));
        await Expect(page.Locator("#answer-heading")).ToBeFocusedAsync();
        await Expect(page.Locator("#answer-heading")).ToBeInViewportAsync();
        await Expect(page.Locator(".classes li")).ToHaveCountAsync(7);
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), "The page is wider than the screen.");

        // WCAG 2.2, 2.5.8: 24 x 24 pixels.
        string small = await page.EvaluateAsync<string>(
            """
            [...document.querySelectorAll("button, nav a, summary, select, label.button, input[type=range]")]
              .filter(e => e.checkVisibility()).map(e => [e.textContent.trim() || e.id, e.getBoundingClientRect()])
              .filter(([, r]) => r.width < 24 || r.height < 24).map(([name, r]) => `${name}: ${r.width} x ${r.height}`).join(", ")
            """);
        Assert.Equal("", small);
    }

    private static List<string> Sent(IPage page)
    {
        List<string> sent = [];
        page.Request += (_, request) =>
        {
            if (request.Method == "POST")
            {
                sent.Add(request.Url);
            }
        };
        return sent;
    }
}
