namespace Lentigo.Training.Trainers;

/// <summary>One epoch, as a line of the log.</summary>
/// <param name="Member">The member's name.</param>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="LearningRate">The learning rate of its last step.</param>
/// <param name="TrainLoss">The mean training loss.</param>
/// <param name="Val">Metrics on all validation images.</param>
/// <param name="Strata">Metrics on the validation images of each resolution.</param>
/// <param name="Best">Whether the weights of this epoch replace those of an earlier one as the best.</param>
/// <param name="ImagesPerSecond">Training images per second, without validation.</param>
/// <param name="Seconds">The duration of the epoch, with validation.</param>
internal sealed record EpochRecord(
    string Member, int Epoch, double LearningRate, double TrainLoss, ValidationRecord Val, IReadOnlyDictionary<string, ValidationRecord> Strata,
    bool Best, double ImagesPerSecond, double Seconds);
