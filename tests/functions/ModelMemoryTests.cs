using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Tests;

/// <summary>Alone, for the memory is the whole process's.</summary>
[CollectionDefinition(DisableParallelization = true)]
public class AloneInTheProcess;

[Collection<AloneInTheProcess>]
public class ModelMemoryTests
{
    [Fact]
    public void Exchanging_models_again_and_again_needs_no_more_memory_than_one_of_them()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Memory is given back to the system on Linux only.");
        using CurrentModel current = new();
        Exchange(current, 1);
        long before = Environment.WorkingSet;
        Exchange(current, 10);
        // Without giving freed memory back it is some 300 MB, with it some 15 MB.
        Assert.InRange(Environment.WorkingSet - before, long.MinValue, 150_000_000);
    }

    private static void Exchange(CurrentModel current, int times)
    {
        for (int i = 0; i < times; i++)
        {
            EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(ShippedModels.Folder("lentigo")), new() { Device = InferenceDevice.Cpu });
            int size = model.Manifest.Input.Size;
            model.Classify(new byte[4 * size * size * 3], 4);
            current.Replace(model);
        }
    }
}
