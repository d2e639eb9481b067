namespace Lentigo.Training.Recipes;

/// <summary>What a first training does otherwise than the one that starts from its weights.</summary>
internal sealed record Pretraining
{
    /// <summary>The side of the input in pixels: that of the images that the first training has.</summary>
    public int Size { get; init; } = 84;

    /// <summary>How often each training image is seen.</summary>
    public int Epochs { get; init; } = 3;

    /// <summary>The (highest) learning rate; null for that of the training that follows.</summary>
    public double? LearningRate { get; init; }
}
