using Microsoft.Playwright;

namespace Lentigo.EndToEnd.Tests;

/// <summary>One Chromium of the machine's own, for all tests of a class; none where there is none.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    /// <summary>Why tests are skipped without one.</summary>
    public const string HowToGetOne = "There is no Chromium on this machine. On Debian: apt-get install chromium.";

    private static readonly string? Chromium = ((string[])["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]).FirstOrDefault(File.Exists);
    private IPlaywright? playwright;

    /// <summary>Whether there is one.</summary>
    public static bool IsAvailable => Chromium is not null;

    internal IBrowser? Browser { get; private set; }

    public async ValueTask InitializeAsync()
    {
        if (Chromium is not null)
        {
            Assertions.SetDefaultExpectTimeout(60_000); // the machine may be busy
            playwright = await Playwright.CreateAsync();
            Browser = await playwright.Chromium.LaunchAsync(new() { ExecutablePath = Chromium, Args = ["--no-sandbox", "--disable-dev-shm-usage"] });
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Browser is not null)
        {
            await Browser.DisposeAsync();
        }

        playwright?.Dispose();
    }
}
