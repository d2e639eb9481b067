namespace Lentigo.Training.Weights;

/// <summary>Where a training run keeps its checkpoints and its log: the layout of the folder that <c>train --out</c> names.</summary>
internal static class RunFiles
{
    /// <summary>The subfolder that holds the checkpoints.</summary>
    public const string CheckpointFolder = "checkpoints";

    /// <summary>The log of epochs, one JSON document per line.</summary>
    public const string LogFileName = "train.jsonl";

    /// <summary>The file name suffix of a member's best weights.</summary>
    public const string BestSuffix = ".best.safetensors";

    /// <summary>The checkpoint that is written after each epoch, from which a run is resumed.</summary>
    public static string CheckpointPath(string folder, string member) => Path.Combine(folder, $"{member}.safetensors");

    /// <summary>The weights that were selected: lowest validation loss, or last epoch, as the recipe says.</summary>
    public static string BestPath(string folder, string member) => Path.Combine(folder, member + BestSuffix);
}
