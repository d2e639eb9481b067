namespace Lentigo.TestApp;

/// <summary>Records calls as lines of a file, and waits for what the test says.</summary>
internal static class Calls
{
    private static readonly string Folder = Environment.GetEnvironmentVariable("TestApp__Folder") ?? throw new InvalidOperationException("TestApp__Folder is not set.");
    private static readonly Lock Gate = new();

    public static void Record(string call)
    {
        lock (Gate)
        {
            File.AppendAllText(Path.Combine(Folder, "calls"), call + "\n");
        }
    }

    /// <summary>Waits until the test puts the file <c>release</c> into the folder.</summary>
    public static async Task UntilReleasedAsync(CancellationToken cancellationToken)
    {
        while (!File.Exists(Path.Combine(Folder, "release")))
        {
            await Task.Delay(50, cancellationToken);
        }
    }
}
