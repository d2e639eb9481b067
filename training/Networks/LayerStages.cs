using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Lentigo.Training.Networks;

/// <summary>Networks whose stages are layers of one sequence.</summary>
internal static class LayerStages
{
    /// <summary>Runs the layers in turn and gives the outputs of those at which a stage ends, in TorchSharp or in a graph.</summary>
    /// <param name="layers">The sequence; its last layer ends a stage.</param>
    /// <param name="ends">The indices of the layers that end a stage.</param>
    /// <param name="input">The input of the first layer.</param>
    /// <param name="call">Runs one layer.</param>
    public static List<T> Run<T>(Sequential layers, int[] ends, T input, Func<nn.Module, T, T> call)
    {
        List<T> maps = [];
        foreach ((int i, nn.Module layer) in layers.children().Index())
        {
            input = call(layer, input);
            if (ends.Contains(i))
            {
                maps.Add(input);
            }
        }

        return maps;
    }
}
