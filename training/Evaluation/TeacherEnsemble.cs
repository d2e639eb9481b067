using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Trainers;

namespace Lentigo.Training.Evaluation;

/// <summary>An ensemble as the <see cref="Teacher"/> of a smaller network.</summary>
internal static class TeacherEnsemble
{
    /// <summary>Checks that an ensemble may teach: that it was not trained on the images that the student is validated on.</summary>
    /// <param name="manifest">The ensemble's.</param>
    /// <param name="split">The student's split.</param>
    /// <exception cref="TrainingException">It was trained on another split, or does not say the class prior of its probabilities.</exception>
    public static void Check(ModelManifest manifest, DataSetSplit split)
    {
        if (manifest.Data?.SplitFingerprint != split.Fingerprint)
        {
            throw new TrainingException($"The teacher {manifest.Name} {manifest.Version} was trained on another split, so that it may know the validation images. Take one that was trained with the same --data to validate on, --split and --fold.");
        }

        if (manifest.Prior is null)
        {
            throw new TrainingException($"The teacher {manifest.Name} {manifest.Version} does not say the class prior of its probabilities. Export it again.");
        }
    }

    /// <summary>Classifies the images of sources.</summary>
    /// <param name="model">The ensemble.</param>
    /// <param name="sources">The sources, decoded to its input size.</param>
    public static Teacher Classify(EnsembleModel model, IReadOnlyList<LesionDataSet> sources)
    {
        Dictionary<string, double[]> answers = new(StringComparer.Ordinal);
        foreach (LesionDataSet source in sources)
        {
            EnsembleAnswers given = EnsembleAnswers.Compute(model, source, [.. Enumerable.Range(0, source.Count)]);
            for (int i = 0; i < source.Count; i++)
            {
                answers.TryAdd(source.Records[i].Id, given.Probabilities[i]);
            }
        }

        return new($"{model.Manifest.Name} {model.Manifest.Version}", answers, model.Manifest.Prior!);
    }
}
