using System.Runtime.InteropServices;

namespace Lentigo.Training;

/// <summary>Settings of the C library and of OpenMP that make training on the CPU faster; Linux only, elsewhere nothing happens.</summary>
public static partial class NativeTuning
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3; // malloc.h: M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD

    /// <summary>Call before anything touches LibTorch: OpenMP reads its variables when it is loaded.</summary>
    public static void Apply()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            // Activations come and go every step. Without this glibc gives their pages back to the kernel and faults them in again.
            _ = SetAllocator(MmapThreshold, 32 << 20);
            _ = SetAllocator(TrimThreshold, int.MaxValue);
            _ = SetAllocator(TopPad, 256 << 20);

            // libgomp's threads wait for each other by spinning, for longer than a time slice: where another program takes a core, a step
            // takes ten times as long. A short spin costs nothing on a free machine. The user's own setting stands.
            _ = SetVariable("GOMP_SPINCOUNT", "20000", overwrite: 0);
        }
        catch (EntryPointNotFoundException)
        {
            // A C library without mallopt (musl): nothing to tune.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetAllocator(int parameter, int value);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetVariable(string name, string value, int overwrite);
}
