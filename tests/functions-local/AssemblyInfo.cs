using Xunit.Sdk;
using Xunit.v3;

// Most tests wait, for a launcher to start or to end, longer than they compute; each has launchers and folders of its own.
[assembly: Parallelization(Mode = ParallelMode.All, MaxThreads = 4)]
