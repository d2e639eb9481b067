using System.Diagnostics;
using System.Runtime.InteropServices;

/// <summary>
/// Runs in the worker process before its Main method (DOTNET_STARTUP_HOOKS; the runtime requires this class name and no namespace). The worker's standard input
/// is a pipe whose other end is held only by the launcher. When the pipe closes, the launcher is gone, even if it was killed, and the worker exits too.
/// </summary>
internal static class StartupHook
{
    /// <summary>Called by the runtime.</summary>
    public static void Initialize()
    {
        if (!OperatingSystem.IsWindows())
        {
            // A terminal sends Ctrl+C to its whole process group. Leave the group so that only the launcher receives it and lets the worker finish first.
            _ = SetProcessGroup(0, 0);
        }

        new Thread(EndWithLauncher) { IsBackground = true, Name = "Launcher watch" }.Start();
    }

    private static void EndWithLauncher()
    {
        using Stream input = Console.OpenStandardInput();
        byte[] buffer = new byte[256];
        while (input.Read(buffer) > 0)
        {
        }

        Process.GetCurrentProcess().Kill();
    }

    [DllImport("libc", EntryPoint = "setpgid"), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SetProcessGroup(int processId, int group);
}
