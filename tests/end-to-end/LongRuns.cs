using System.Diagnostics;
using System.Globalization;

namespace Lentigo.EndToEnd.Tests;

/// <summary>How much the tests that try to break the app try: little by default, much with LENTIGO_LONG=1, or as each one's own variable says.</summary>
internal static class LongRuns
{
    public static bool Asked { get; } = Environment.GetEnvironmentVariable("LENTIGO_LONG") == "1";

    /// <summary>A number that an environment variable may set.</summary>
    public static int Number(string variable, int usual, int whenLong) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int set) ? set : Asked ? whenLong : usual;

    /// <summary>What the app's worker holds now: its resident memory in MiB, and its open files and sockets.</summary>
    public static (double Memory, int Handles) Held(this RunningApp app)
    {
        using Process worker = app.Worker();
        return (worker.WorkingSet64 / 1048576.0, Directory.GetFiles($"/proc/{worker.Id}/fd").Length);
    }

    public static void Report(string line) => TestContext.Current.TestOutputHelper?.WriteLine(line);
}
