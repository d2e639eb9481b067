using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;

namespace Lentigo.Training.Trainers;

/// <summary>
/// What a trained ensemble answers on training images, which a smaller network learns beside their labels (knowledge distillation: Hinton et al. 2015,
/// arXiv:1503.02531, at temperature 1). The answers are for the images as they are, not as they are augmented.
/// </summary>
public sealed class Teacher
{
    private readonly IReadOnlyDictionary<string, double[]> _answers;
    private readonly IReadOnlyList<double> _prior;

    private Teacher(string name, IReadOnlyDictionary<string, double[]> answers, IReadOnlyList<double> prior)
    {
        Name = name;
        _answers = answers;
        _prior = prior;
    }

    /// <summary>The ensemble's name and version.</summary>
    public string Name { get; }

    /// <summary>Checks that an ensemble may teach: that it was not trained on the images that the student is validated on.</summary>
    /// <param name="manifest">The ensemble's.</param>
    /// <param name="split">The student's split.</param>
    /// <exception cref="TrainingException">It was trained on another split, or does not say the class prior of its probabilities.</exception>
    public static void Check(ModelManifest manifest, DataSetSplit split)
    {
        ArgumentNullException.ThrowIfNull(manifest);
        ArgumentNullException.ThrowIfNull(split);
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
    public static Teacher Of(EnsembleModel model, IReadOnlyList<LesionDataSet> sources)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(sources);
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

    /// <summary>[7]: the probabilities of an image where classes are as frequent as training draws them.</summary>
    /// <param name="image">The image's id.</param>
    /// <param name="trained">[7]: how often training sees each class.</param>
    public double[] Answer(string image, IReadOnlyList<double> trained) => ClassPrior.Reweigh(_answers[image], _prior, trained);
}
