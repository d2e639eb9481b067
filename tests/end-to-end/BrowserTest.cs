using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Playwright;

namespace Lentigo.EndToEnd.Tests;

/// <summary>A test of the page in a real browser: it fails where the browser reports an error that the test does not expect.</summary>
public abstract partial class BrowserTest(SharedApp shared, BrowserFixture browser) : IClassFixture<BrowserFixture>, IAsyncDisposable
{
    private static readonly SemaphoreSlim AxeInstallation = new(1);
    private readonly List<string> faults = [];
    private readonly List<IBrowserContext> contexts = [];

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private protected RunningApp App => shared.App;

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (IBrowserContext context in contexts)
        {
            await context.DisposeAsync();
        }

        Assert.Empty(faults);
    }

    /// <summary>Opens the page.</summary>
    /// <param name="path">The view's path.</param>
    /// <param name="options">The window, the language and so on.</param>
    /// <param name="expectFaults">Whether requests may fail.</param>
    /// <param name="address">Another app's address.</param>
    /// <param name="before">What to do with the page before it is opened.</param>
    protected async Task<IPage> OpenAsync(string path = "", BrowserNewContextOptions? options = null, bool expectFaults = false, Uri? address = null, Func<IPage, Task>? before = null)
    {
        Assert.SkipWhen(browser.Browser is null, BrowserFixture.HowToGetOne);
        IBrowserContext context = await browser.Browser.NewContextAsync(options ?? new() { Locale = "en-GB" });
        context.SetDefaultTimeout(60_000); // the machine may be busy
        contexts.Add(context);
        IPage page = await context.NewPageAsync();
        page.PageError += (_, error) => faults.Add(error);
        page.Console += (_, message) =>
        {
            // A refused image is a failed request, which the browser notes; a breach of the content security policy never is expected.
            if (message.Type is "error" or "warning" && !(expectFaults && FailedRequest().IsMatch(message.Text)))
            {
                faults.Add(message.Text);
            }
        };
        if (before is not null)
        {
            await before(page);
        }

        await page.GotoAsync(new Uri(address ?? shared.App.Address, path).ToString());
        return page;
    }

    protected static Task ChooseAsync(IPage page, string name, byte[] content) => ChooseAsync(page, (name, content));

    protected static Task ChooseAsync(IPage page, params (string Name, byte[] Content)[] files) =>
        page.Locator("#file").SetInputFilesAsync(files.Select(f => new FilePayload { Name = f.Name, MimeType = "image/jpeg", Buffer = f.Content }));

    /// <summary>Lets predict answer with a document of all that the contract names, or with what <paramref name="change"/> makes of it.</summary>
    protected static Task AnswerAsync(IPage page, Func<string, string>? change = null) =>
        page.RouteAsync("**/api/predict*", route => route.FulfillAsync(new() { ContentType = "application/json", Body = change is null ? FullAnswer.Json : change(FullAnswer.Json) }));

    /// <summary>Checks with axe-core that the page as it is now breaks no rule, best practices included, and that it is no wider than the screen.</summary>
    protected static async Task AssertAccessibleAsync(IPage page, string state)
    {
        await page.EvaluateAsync(await AxeAsync());
        string violations = await page.EvaluateAsync<string>(
            "axe.run({ resultTypes: ['violations'] }).then(r => r.violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ') + ' ' + n.failureSummary).join('; ')}`).join('\\n'))");
        Assert.True(violations.Length == 0, $"{state}: {violations}");
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"{state}: the page is wider than the screen.");
    }

    protected static Task SaveAsync(IPage page, string name) =>
        page.ScreenshotAsync(new() { Path = Path.Combine(AppContext.BaseDirectory, "screenshots", $"{name}.png"), FullPage = true });

    /// <summary>axe-core's script; npm installs it where it is missing.</summary>
    private static async Task<string> AxeAsync()
    {
        string folder = Path.Combine(Repository.Root, "tests", "end-to-end", "axe"), script = Path.Combine(folder, "node_modules", "axe-core", "axe.min.js");
        await AxeInstallation.WaitAsync(Cancellation);
        try
        {
            if (!File.Exists(script))
            {
                using Process npm = Process.Start(new ProcessStartInfo("npm", ["ci", "--no-audit", "--no-fund"]) { WorkingDirectory = folder })!;
                await npm.WaitForExitAsync(Cancellation);
                Assert.True(npm.ExitCode == 0, $"'npm ci' in {folder} failed.");
            }

            return await File.ReadAllTextAsync(script, Cancellation);
        }
        finally
        {
            AxeInstallation.Release();
        }
    }

    [GeneratedRegex("^Failed to load resource")]
    private static partial Regex FailedRequest();
}

/// <summary>An answer with every field of the contract, whatever the model that serves can give.</summary>
internal static class FullAnswer
{
    private const string Pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

    private static readonly (string Code, string Name, double Probability, bool Malignant)[] Classes = [
        ("nv", "Melanocytic nevus", 0.44, false), ("mel", "Melanoma", 0.37, true), ("bcc", "Basal cell carcinoma", 0.06, true), ("bkl", "Benign keratosis-like lesion", 0.05, false),
        ("akiec", "Actinic keratosis / intraepithelial carcinoma", 0.04, true), ("df", "Dermatofibroma", 0.0397, false), ("vasc", "Vascular lesion", 0.0003, false)];

    public static string Json { get; } = JsonSerializer.Serialize(new
    {
        id = "5a9d1c04-3be2-4b0e-8f3a-2a2b4a96cf48",
        triage = new
        {
            recommendation = "refer", malignantProbability = 0.47, melanomaProbability = 0.37, reasons = new[] { "malignant", "melanoma" },
            operatingPoint = new { threshold = 0.21, sensitivity = 0.95, sensitivityInterval = new[] { 0.92, 0.97 }, specificity = 0.61, specificityInterval = new[] { 0.58, 0.64 }, on = "validation, by lesion" },
            melanomaPoint = new { threshold = 0.12, sensitivity = 0.93, sensitivityInterval = new[] { 0.88, 0.97 }, specificity = 0.7, specificityInterval = new[] { 0.66, 0.73 }, on = "validation, by lesion" },
        },
        label = new { code = "nv", name = "Melanocytic nevus", probability = 0.44, malignant = false },
        probabilities = Classes.Select(c => new { code = c.Code, name = c.Name, probability = c.Probability, malignant = c.Malignant }),
        set = new { coverage = 0.9, codes = new[] { "nv", "mel" } },
        warnings = new[] { new { code = "members-disagree", message = "The networks disagree." }, new { code = "blurred", message = "The image is blurred." } },
        suitability = new { score = 0.93, warnBelow = 0.2, refuseBelow = 0.02 },
        members = new[] { "resnet18", "mobilenet_v2@2" }.Select(m => new { name = m, probabilities = Classes.Select(c => new { code = c.Code, name = c.Name, probability = c.Probability }) }),
        explanation = new { code = "nv", map = new[] { new[] { 0.0, 1.0 }, [0.5, 0.0] }, overlay = "data:image/png;base64," + Pixel },
        similar = new[] { new { image = "ISIC_0025030", diagnosis = "nv", distance = 0.112 }, new { image = "ISIC_0029176", diagnosis = "mel", distance = 0.131 } },
        model = new { name = "lentigo", version = "20261125-222507" },
        notice = "decision support, not a diagnosis",
    });
}
