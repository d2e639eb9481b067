using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Trainers;

namespace Lentigo.Training.Evaluation;

/// <summary>An ensemble as the <see cref="Teacher"/> of a smaller network.</summary>
internal static class TeacherEnsemble
{
    /// <summary>Checks that the teacher was not trained on the validation images of the student.</summary>
    /// <param name="manifest">The manifest of the teacher.</param>
    /// <param name="split">The student's split.</param>
    /// <exception cref="TrainingException">It was trained on another split, or its manifest has no class prior.</exception>
    public static void Check(ModelManifest manifest, DataSetSplit split)
    {
        if (manifest.Data?.SplitFingerprint != split.Fingerprint)
        {
            throw new TrainingException($"The teacher {manifest.Name} {manifest.Version} was trained on another split, so that it may know the validation "
                + "images. Use one that was trained with the same validated --data, --split and --fold.");
        }

        if (manifest.Prior is null)
        {
            throw new TrainingException($"The teacher {manifest.Name} {manifest.Version} has no class prior in its manifest. Export it again.");
        }
    }

    /// <summary>Classifies all images of the data sources.</summary>
    /// <param name="model">The ensemble.</param>
    /// <param name="sources">The data sources, decoded to the input size of the teacher.</param>
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
