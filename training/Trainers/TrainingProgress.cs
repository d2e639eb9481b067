namespace Lentigo.Training.Trainers;

/// <summary>Where a training stands, for the screen.</summary>
/// <param name="Member">The member's name.</param>
/// <param name="Step">The steps done in the whole training of the member.</param>
/// <param name="Steps">All its steps.</param>
/// <param name="ImagesPerSecond">The speed over this epoch.</param>
/// <param name="Loss">The mean training loss of this epoch so far.</param>
/// <param name="ValAccuracy">The accuracy after the last epoch, or null in the first.</param>
/// <param name="TimeLeft">What the rest of this member will take at this speed.</param>
internal sealed record TrainingProgress(string Member, long Step, long Steps, double ImagesPerSecond, double Loss, double? ValAccuracy, TimeSpan TimeLeft);
