namespace Lentigo.Training.Recipes;

/// <summary>The hyperparameters of pretraining that differ from those of the main training.</summary>
internal sealed record Pretraining
{
    /// <summary>The side of the input in pixels.</summary>
    public int Size { get; init; } = 84;

    /// <summary>The number of passes over the training images.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>The (peak) learning rate; null for that of the main training.</summary>
    public double? LearningRate { get; init; }
}
