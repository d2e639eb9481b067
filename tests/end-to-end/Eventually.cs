namespace Lentigo.EndToEnd.Tests;

internal static class Eventually
{
    /// <summary>Waits until a condition holds, two minutes at most: a first start publishes.</summary>
    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what)
    {
        for (DateTime end = DateTime.UtcNow.AddMinutes(2); !await condition();)
        {
            Assert.True(DateTime.UtcNow < end, $"Waited in vain for {what()}");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }
}
