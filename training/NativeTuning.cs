using System.Runtime.InteropServices;

namespace Lentigo.Training;

/// <summary>Settings of the C library and of OpenMP that make training on the CPU faster; Linux only, elsewhere nothing happens.</summary>
internal static partial class NativeTuning
{
    private const string Tunables = "GLIBC_TUNABLES", SpinCount = "GOMP_SPINCOUNT";

    /// <summary>The variables that <see cref="Apply"/> sets; programs that this one starts inherit them.</summary>
    public static IReadOnlyList<string> Variables { get; } = [Tunables, SpinCount];

    /// <summary>
    /// Call first of all. The C library and OpenMP read these variables only when a process starts, so it starts itself again, under the same
    /// process id. Where the user has set <c>GLIBC_TUNABLES</c>, nothing happens.
    /// </summary>
    public static void Apply()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(Tunables) is not null)
        {
            return;
        }

        // Activations come and go every step. By itself glibc maps those above 32 MiB anew each time and gives the pages of the others back to
        // the kernel, which faults them in again; an arena of a thread's own holds nothing above 64 MiB.
        SetVariable(Tunables, "glibc.malloc.arena_max=1:glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=9000000000", overwrite: 1);

        // libgomp's threads wait for each other by spinning, for longer than a time slice: where another program takes a core, a step
        // takes ten times as long. A short spin costs nothing on a free machine. The user's own setting stands.
        SetVariable(SpinCount, "20000", overwrite: 0);
        string[] arguments = File.ReadAllText("/proc/self/cmdline")[..^1].Split('\0');
        Execute("/proc/self/exe", [.. arguments, null]); // returns only where it is not allowed; then the program goes on as it is
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "execv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Execute(string path, string?[] arguments);
}
