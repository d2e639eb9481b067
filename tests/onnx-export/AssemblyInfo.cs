using Xunit.Sdk;
using Xunit.v3;

// One at a time: LibTorch's random generator is one for the process, and seeded tests must not draw from each other's.
[assembly: Parallelization(Mode = ParallelMode.None)]
