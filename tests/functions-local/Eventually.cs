namespace Lentigo.Functions.Local.Tests;

internal static class Eventually
{
    public static async Task TrueAsync(Func<bool> condition, Func<string> what)
    {
        for (DateTime end = DateTime.UtcNow.AddMinutes(2); !condition();)
        {
            Assert.True(DateTime.UtcNow < end, $"Waited in vain for {what()}");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }
}
