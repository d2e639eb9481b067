using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;

namespace Lentigo.Training.Storage;

/// <summary>Copies the checkpoint of each epoch to blob storage before the next one starts.</summary>
internal sealed class CopyingListener(ITrainingListener inner, CheckpointCopies copies) : ITrainingListener
{
    public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch) => inner.OnStart(member, weights, resumedEpoch);

    public void OnNote(string sentence) => inner.OnNote(sentence);

    public void OnProgress(TrainingProgress progress) => inner.OnProgress(progress);

    public void OnEpoch(EpochRecord epoch)
    {
        inner.OnEpoch(epoch);
        copies.CopyAsync(epoch.Member, epoch.Epoch, epoch.Best).GetAwaiter().GetResult();
    }
}
