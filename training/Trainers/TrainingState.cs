using Lentigo.Core.Models;
using Lentigo.Training.Recipes;

namespace Lentigo.Training.Trainers;

/// <summary>What a checkpoint knows beside its tensors.</summary>
/// <param name="Architecture">The network's name.</param>
/// <param name="Epoch">The epochs done.</param>
/// <param name="Step">The optimizer's steps done.</param>
/// <param name="BestLoss">The lowest validation loss.</param>
/// <param name="BestEpoch">The epoch whose weights are kept.</param>
/// <param name="PlateauFactor">What the plateau schedule has multiplied the learning rate with.</param>
/// <param name="EpochsWithoutImprovement">The plateau schedule's count.</param>
/// <param name="Correction">[7]: what is added to the logits for the class prior.</param>
/// <param name="Recipe">The recipe.</param>
/// <param name="DataFingerprint">That of the data set that is validated on.</param>
/// <param name="SplitFingerprint">The split's.</param>
/// <param name="Seconds">The training time so far.</param>
internal sealed record TrainingState(
    string Architecture, int Epoch, long Step, double BestLoss, int BestEpoch, double PlateauFactor, int EpochsWithoutImprovement,
    float[] Correction, TrainingRecipe Recipe, string DataFingerprint, string SplitFingerprint, double Seconds)
{
    /// <summary>[7]: the class prior that the corrected logits are for; null in checkpoints that do not say.</summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>The sources of all stages; null in checkpoints that do not say.</summary>
    public IReadOnlyList<ModelSource>? Sources { get; init; }
}
