using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Functions.Contracts;
using Lentigo.Functions.Serving;

namespace Lentigo.Functions.Tests;

public class CurrentModelTests
{
    [Fact]
    public void Without_a_model_asking_for_it_says_why()
    {
        using CurrentModel current = new();
        current.SetUnavailableReason("the container is empty.");
        ProblemException unavailable = Assert.Throws<ProblemException>(current.Acquire);
        Assert.Equal(503, unavailable.Problem.Status);
        Assert.Contains("the container is empty.", unavailable.Problem.Detail, StringComparison.Ordinal);
        Assert.False(current.Loaded.IsCompleted);
    }

    [Fact]
    public void A_model_that_was_replaced_works_until_its_last_user_is_done()
    {
        using CurrentModel current = new();
        EnsembleModel first = Load();
        current.Replace(first);
        Assert.True(current.Loaded.IsCompletedSuccessfully);
        using (ModelLease one = current.Acquire())
        {
            using (ModelLease two = current.Acquire())
            {
                current.Replace(Load());
                Assert.NotSame(first, current.Acquire().Model);
            }

            Assert.Same(first, one.Model);
            Assert.Equal(1, Classify(one.Model), 1e-5);
        }

        Assert.Throws<ObjectDisposedException>(() => Classify(first)); // gone, and its memory with it
    }

    [Fact]
    public void Giving_a_model_back_twice_counts_once()
    {
        using CurrentModel current = new();
        current.Replace(Load());
        ModelLease once = current.Acquire();
        using ModelLease other = current.Acquire();
        once.Dispose();
        once.Dispose();
        current.Replace(Load());
        Assert.Equal(1, Classify(other.Model), 1e-5);
    }

    [Fact]
    public void A_refusal_ends_with_the_model_that_takes_over()
    {
        using CurrentModel current = new();
        current.Refuse(new("broken", "It is broken."));
        Assert.Equal("broken", current.Refused?.Version);
        current.Replace(Load());
        Assert.Null(current.Refused);
    }

    /// <summary>The sum of the probabilities of a black image.</summary>
    private static float Classify(EnsembleModel model)
    {
        int size = model.Manifest.Input.Size;
        float sum = 0;
        foreach (float p in model.Classify(new byte[size * size * 3], 1).Probabilities(0))
        {
            sum += p;
        }

        return sum;
    }

    private static EnsembleModel Load() => EnsembleModel.Load(ModelPackage.Open(ShippedModels.Folder("lentigo")), new() { Device = InferenceDevice.Cpu });
}
