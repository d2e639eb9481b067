using Lentigo.Core.Models;
using Lentigo.Training.Recipes;

namespace Lentigo.Training.Trainers;

/// <summary>The state of a training that a checkpoint stores beside the tensors.</summary>
/// <param name="Architecture">The network's name.</param>
/// <param name="Epoch">The number of finished epochs.</param>
/// <param name="Step">The number of optimizer steps.</param>
/// <param name="BestLoss">The lowest validation loss.</param>
/// <param name="BestEpoch">The epoch whose weights are kept.</param>
/// <param name="PlateauFactor">The factor of the plateau schedule.</param>
/// <param name="EpochsWithoutImprovement">The epoch counter of the plateau schedule.</param>
/// <param name="Correction">[7]: the class prior correction that is added to the logits.</param>
/// <param name="Recipe">The recipe.</param>
/// <param name="DataFingerprint">The fingerprint of the validated data set.</param>
/// <param name="SplitFingerprint">The fingerprint of the split.</param>
/// <param name="Seconds">The training time so far.</param>
internal sealed record TrainingState(
    string Architecture, int Epoch, long Step, double BestLoss, int BestEpoch, double PlateauFactor, int EpochsWithoutImprovement,
    float[] Correction, TrainingRecipe Recipe, string DataFingerprint, string SplitFingerprint, double Seconds)
{
    /// <summary>[7]: the class prior of the corrected logits; null in older checkpoints.</summary>
    public IReadOnlyList<double>? Prior { get; init; }

    /// <summary>The sources of all stages; null in older checkpoints.</summary>
    public IReadOnlyList<ModelSource>? Sources { get; init; }
}
