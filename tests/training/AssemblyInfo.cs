using System.Runtime.CompilerServices;
using TorchSharp;
using Xunit.Sdk;
using Xunit.v3;

// One at a time: LibTorch's random generator is one for the process, and seeded tests must not draw from each other's.
[assembly: Parallelization(Mode = ParallelMode.None)]

/// <summary>Test projects run beside each other, and OpenMP's threads wait by spinning: one thread each is faster than two that wait for a core.</summary>
internal static class NativeThreads
{
    [ModuleInitializer]
    internal static void TakeOne()
    {
        torch.set_num_threads(1);
    }
}
