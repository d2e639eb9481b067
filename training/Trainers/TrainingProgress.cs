namespace Lentigo.Training.Trainers;

/// <summary>The progress of a training, for display.</summary>
/// <param name="Member">The member's name.</param>
/// <param name="Step">The steps done so far in the training of this member.</param>
/// <param name="Steps">The total number of steps.</param>
/// <param name="ImagesPerSecond">Images per second in this epoch.</param>
/// <param name="Loss">The mean training loss of this epoch so far.</param>
/// <param name="ValAccuracy">The validation accuracy after the last epoch; null in the first epoch.</param>
/// <param name="TimeLeft">The time that the rest of this member takes at this speed.</param>
internal sealed record TrainingProgress(string Member, long Step, long Steps, double ImagesPerSecond, double Loss, double? ValAccuracy, TimeSpan TimeLeft);
