namespace Lentigo.Training.Trainers;

/// <summary>A line of the log: one epoch.</summary>
/// <param name="Member">The member's name.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="LearningRate">The learning rate of its last step.</param>
/// <param name="TrainLoss">The mean training loss.</param>
/// <param name="Val">Metrics on all validation images.</param>
/// <param name="Strata">Metrics on the validation images of each resolution.</param>
/// <param name="Best">Whether this epoch's weights are kept, in the place of an earlier epoch's.</param>
/// <param name="ImagesPerSecond">Training images a second, without validation.</param>
/// <param name="Seconds">What the epoch took, with validation.</param>
internal sealed record EpochRecord(
    string Member, int Epoch, double LearningRate, double TrainLoss, ValidationRecord Val, IReadOnlyDictionary<string, ValidationRecord> Strata,
    bool Best, double ImagesPerSecond, double Seconds);
