using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

/// <summary>What cannot be exported is refused with a sentence that names the module and says what to do.</summary>
public sealed class BadInputTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("onnx-export-");

    [Fact]
    public void A_module_in_training_mode_is_named()
    {
        nn.Module<Tensor, Tensor> network = Network();
        network.train();
        Assert.Contains("'m' (Sequential) is in training mode", Refusal(network), StringComparison.Ordinal);
    }

    [Fact]
    public void A_weight_that_is_no_number_is_named()
    {
        nn.Module<Tensor, Tensor> network = Network();
        using (no_grad())
        {
            network.parameters().First()[0].fill_(double.NaN);
        }

        Assert.Contains("'m.0.weight' holds NaN", Refusal(network), StringComparison.Ordinal);
    }

    public void Dispose() => folder.Delete(recursive: true);

    private static nn.Module<Tensor, Tensor> Network()
    {
        nn.Module<Tensor, Tensor> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2));
        network.eval();
        return network;
    }

    private string Refusal(nn.Module<Tensor, Tensor> network)
    {
        string path = Path.Combine(folder.FullName, "x.onnx");
        OnnxExportException refused = Assert.Throws<OnnxExportException>(() =>
            OnnxEnsemble.Export([new("m", network, [0, 0, 0], [1, 1, 1], 1)], path, new() { InputSize = 8, Classes = 2 }));
        Assert.Empty(folder.GetFiles());
        return refused.Message;
    }
}
