using static TorchSharp.torch;

namespace Lentigo.OnnxExport.Tests;

/// <summary>The files load and answer in onnxruntime-web, as in a browser. Node 20 or newer and, the first time, npm's registry are needed.</summary>
public sealed class WebTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData(OnnxPrecision.Float32, 1e-4)]
    [InlineData(OnnxPrecision.Float16, 1e-2)]
    [InlineData(OnnxPrecision.Int8, 0.1)]
    public async Task An_ensemble_gives_the_same_probabilities_in_onnxruntime_web(OnnxPrecision precision, double tolerance)
    {
        manual_seed(1);
        nn.Module<Tensor, Tensor> network = RandomWeights.Ready(nn.Sequential(
            nn.Conv2d(3, 16, 3, padding: 1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, padding: 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3)));
        OnnxEnsembleMember member = new("m", network, [0.5f, 0.5f, 0.5f], [0.25f, 0.25f, 0.25f], 1);
        using Tensor images = randint(0, 256, [2, 16, 16, 3], dtype: ScalarType.Byte);
        OnnxEnsembleOptions options = new() { InputSize = 16, Classes = 3, Flips = "all", Precision = precision, CalibrationImages = randint(0, 256, [32, 16, 16, 3], dtype: ScalarType.Byte) };
        OnnxEnsemble.Export([member], folder["x.onnx"], options);
        Assert.Empty(OnnxChecker.Check(folder["x.onnx"]));
        OnnxEnsemble.Export([member], folder["float32.onnx"], options with { Precision = OnnxPrecision.Float32 });
        OnnxEnsemble.Verify([member], folder["float32.onnx"], options with { Precision = OnnxPrecision.Float32 }, images);
        await File.WriteAllBytesAsync(folder["images.bin"], images.data<byte>().ToArray(), TestContext.Current.CancellationToken);

        float[] web = await WebRuntime.RunAsync(folder["x.onnx"], "probabilities", folder["images.bin"], "uint8", "2", "16", "16", "3");
        using Microsoft.ML.OnnxRuntime.InferenceSession session = new(folder["float32.onnx"]);
        using var input = Microsoft.ML.OnnxRuntime.OrtValue.CreateTensorValueFromMemory(images.data<byte>().ToArray(), images.shape);
        using Microsoft.ML.OnnxRuntime.RunOptions run = new();
        using var outputs = session.Run(run, ["image"], [input], ["probabilities"]);
        float[] native = outputs[0].GetTensorDataAsSpan<float>().ToArray();
        Assert.Equal(native.Length, web.Length);
        Assert.All(native.Zip(web), p => Assert.InRange(Math.Abs(p.First - p.Second), 0, tolerance));
    }

    public void Dispose() => folder.Dispose();
}
