using Lentigo.Training.Recipes;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>Mixup (Zhang et al. 2018, arXiv:1710.09412) and CutMix (Yun et al. 2019, arXiv:1905.04899) of the images of a batch.</summary>
/// <param name="recipe">How often each is applied and how strongly.</param>
internal sealed class BatchMixing(TrainingRecipe recipe)
{
    /// <summary>Mixes a batch with a permutation of itself, or returns it unchanged where the recipe says so.</summary>
    /// <param name="x">The images, float [n, 3, s, s].</param>
    /// <param name="targets">The target distributions [n, 7].</param>
    public (Tensor Images, Tensor Targets) Apply(Tensor x, Tensor targets)
    {
        bool cut = recipe.Cutmix > 0 && rand(1).item<float>() < recipe.Cutmix;
        if (!cut && recipe.Mixup == 0)
        {
            return (x, targets);
        }

        Tensor order = randperm(x.shape[0], dtype: ScalarType.Int64).to(x.device);
        if (!cut)
        {
            double share = Beta(recipe.Mixup);
            return (x.lerp(x.index_select(0, order), 1 - share), targets.lerp(targets.index_select(0, order), 1 - share));
        }

        int side = (int)x.shape[3], width = (int)Math.Round(side * Math.Sqrt(rand(1).item<float>()));
        int left = (int)(rand(1).item<float>() * (side - width + 1)), top = (int)(rand(1).item<float>() * (side - width + 1));
        Tensor mixed = x.clone();
        mixed.narrow(2, top, width).narrow(3, left, width).copy_(x.index_select(0, order).narrow(2, top, width).narrow(3, left, width));
        return (mixed, targets.lerp(targets.index_select(0, order), (double)width * width / ((double)side * side)));
    }

    // X / (X + Y) of two gamma variables is beta distributed.
    private static double Beta(double alpha)
    {
        using Tensor concentration = tensor([(float)alpha, (float)alpha]);
        using Tensor sample = distributions.Dirichlet(concentration).sample(), first = sample[0];
        return first.item<float>();
    }
}
