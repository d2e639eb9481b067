using System.Runtime.CompilerServices;
using TorchSharp;
using Xunit.Sdk;
using Xunit.v3;

// One at a time: LibTorch's random generator is one for the process, and seeded tests must not draw from each other's. Beside them run those of the
// collection Processes, whose trainings are processes of their own.
[assembly: CollectionBehavior(CollectionBehavior.CollectionPerAssembly)]
[assembly: Parallelization(Mode = ParallelMode.Collections, MaxThreads = 2)]

/// <summary>Test projects run beside each other, and OpenMP's threads wait by spinning: one thread each is faster than two that wait for a core.</summary>
internal static class NativeThreads
{
    [ModuleInitializer]
    internal static void TakeOne()
    {
        torch.set_num_threads(1);
    }
}
