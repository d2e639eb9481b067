using Lentigo.Training.Weights;

namespace Lentigo.Training.Trainers;

/// <summary>Hears what happens in a training.</summary>
internal interface ITrainingListener
{
    /// <summary>The start weights were loaded.</summary>
    public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch);

    /// <summary>Something is to be known of the training, in a sentence.</summary>
    public void OnNote(string sentence)
    {
    }

    /// <summary>Some steps were made.</summary>
    public void OnProgress(TrainingProgress progress);

    /// <summary>An epoch is over.</summary>
    public void OnEpoch(EpochRecord epoch);
}
