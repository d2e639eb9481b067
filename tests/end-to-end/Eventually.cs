namespace Lentigo.EndToEnd.Tests;

internal static class Eventually
{
    /// <summary>Waits until a condition holds, four minutes at most: a first start publishes, and the machine may be busy.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what)
    {
        for (DateTime end = DateTime.UtcNow.AddMinutes(4); !await condition();)
        {
            Assert.True(DateTime.UtcNow < end, $"Waited in vain for {what()}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
