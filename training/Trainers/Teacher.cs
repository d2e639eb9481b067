using Lentigo.Core.Evaluation;

namespace Lentigo.Training.Trainers;

/// <summary>
/// The teacher of knowledge distillation (Hinton et al. 2015, arXiv:1503.02531, at temperature 1): its probabilities for the training images, which a smaller
/// network
/// learns beside the labels. They were computed once, for the images without augmentation.
/// </summary>
/// <param name="name">The ensemble's name and version.</param>
/// <param name="probabilities">[7] by image id: the ensemble's probabilities.</param>
/// <param name="prior">[7]: the class prior of these probabilities.</param>
internal sealed class Teacher(string name, IReadOnlyDictionary<string, double[]> probabilities, IReadOnlyList<double> prior)
{
    /// <summary>The ensemble's name and version.</summary>
    public string Name => name;

    /// <summary>[7]: the teacher's probabilities for an image, re-weighed for the class prior of the training batches.</summary>
    /// <param name="image">The image's id.</param>
    /// <param name="trained">[7]: how often training sees each class.</param>
    public double[] Answer(string image, IReadOnlyList<double> trained) => ClassPrior.Reweigh(probabilities[image], prior, trained);
}
