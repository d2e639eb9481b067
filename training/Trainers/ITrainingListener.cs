using Lentigo.Training.Weights;

namespace Lentigo.Training.Trainers;

/// <summary>Receives the events of a training.</summary>
internal interface ITrainingListener
{
    /// <summary>Training starts; initial weights are loaded, or a checkpoint is restored.</summary>
    public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch);

    /// <summary>A note for the user, in a sentence.</summary>
    public void OnNote(string sentence)
    {
    }

    /// <summary>Some steps are done.</summary>
    public void OnProgress(TrainingProgress progress);

    /// <summary>An epoch is over.</summary>
    public void OnEpoch(EpochRecord epoch);
}
