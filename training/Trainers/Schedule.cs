using Lentigo.Training.Recipes;

namespace Lentigo.Training.Trainers;

/// <summary>Schedules the learning rate and Adam's beta1.</summary>
/// <param name="recipe">The recipe.</param>
/// <param name="totalSteps">The number of steps of the whole training.</param>
internal sealed class Schedule(TrainingRecipe recipe, long totalSteps)
{
    private const double StartDivisor = 25, EndDivisor = 1e4, HighBeta = 0.95, LowBeta = 0.85, Beta = 0.9;

    /// <summary>The factor that <c>plateau</c> has applied to the learning rate so far.</summary>
    public double Factor { get; set; } = 1;

    /// <summary>Epochs since the lowest validation loss.</summary>
    public int EpochsWithoutImprovement { get; set; }

    /// <summary>The learning rate and beta1 of a step, counted from 0.</summary>
    public (double LearningRate, double Beta1) At(long step)
    {
        double peak = recipe.LearningRate, rise = Math.Max(1, recipe.WarmUp * totalSteps - 1),
            done = Math.Min(1, (step - rise) / Math.Max(1, totalSteps - 1 - rise));
        return recipe.Schedule switch
        {
            // PyTorch's OneCycleLR: cosine from peak / 25 up, then down to peak / 25 / 1e4, momentum the other way round.
            "one-cycle" when step < rise => (Cosine(peak / StartDivisor, peak, step / rise), Cosine(HighBeta, LowBeta, step / rise)),
            "one-cycle" => (Cosine(peak, peak / StartDivisor / EndDivisor, done), Cosine(LowBeta, HighBeta, done)),
            "cosine" when step < recipe.WarmUp * totalSteps => (peak * (step + 1) / (recipe.WarmUp * totalSteps), Beta),
            "cosine" => (Cosine(peak, 0, (step - (recipe.WarmUp * totalSteps)) / (totalSteps * (1 - recipe.WarmUp))), Beta),
            _ => (peak * Factor, Beta),
        };
    }

    /// <summary>Records the end of an epoch.</summary>
    /// <param name="improved">Whether its validation loss is the lowest so far.</param>
    public void EndEpoch(bool improved)
    {
        EpochsWithoutImprovement = improved ? 0 : EpochsWithoutImprovement + 1;
        if (recipe.Schedule == "plateau" && EpochsWithoutImprovement > recipe.PlateauPatience)
        {
            Factor *= recipe.PlateauFactor;
            EpochsWithoutImprovement = 0;
        }
    }

    private static double Cosine(double from, double to, double share) => to + ((from - to) * (1 + Math.Cos(Math.PI * share)) / 2);
}
