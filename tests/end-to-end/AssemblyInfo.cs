using Xunit.Sdk;
using Xunit.v3;

// Most tests wait, for an app to start or for the next scan of a container, longer than they compute: six at once keep two cores busy.
[assembly: Parallelization(Mode = ParallelMode.All, MaxThreads = 6)]
