namespace Lentigo.Training.Trainers;

/// <summary>Metrics on validation images.</summary>
/// <param name="Count">The number of images.</param>
/// <param name="Loss">The mean cross-entropy in nats.</param>
/// <param name="Accuracy">The accuracy.</param>
/// <param name="BalancedAccuracy">The mean recall over the classes.</param>
/// <param name="MacroAuc">The mean area under the ROC curve, or null.</param>
internal sealed record ValidationRecord(int Count, double Loss, double Accuracy, double BalancedAccuracy, double? MacroAuc);
