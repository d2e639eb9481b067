// The example of onnx-export/README.md, between the marks; ReadmeTests holds the two together and runs it.
#pragma warning disable IDE0005, IDE0008, IDE0007, CA1050
// <example>
using Lentigo.OnnxExport;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

public static class Example
{
    public static float[] Run(string path)
    {
        var network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2));
        network.eval();
        OnnxExporter.Export(network, zeros(1, 3, 32, 32), path);
        Console.WriteLine(OnnxExporter.Verify(network, zeros(1, 3, 32, 32), path));
        using var session = new InferenceSession(path);
        using var image = OrtValue.CreateTensorValueFromMemory(new float[3 * 32 * 32], [1, 3, 32, 32]);
        using var output = session.Run(new RunOptions(), ["input"], [image], ["output"]);
        return output[0].GetTensorDataAsSpan<float>().ToArray();
    }
}
// </example>
