using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>How far ONNX Runtime's answers are from TorchSharp's.</summary>
/// <param name="LargestDifferences">The largest absolute difference of each output.</param>
public sealed record OnnxVerification(IReadOnlyDictionary<string, double> LargestDifferences)
{
    /// <summary>What a difference may be beside the tolerance's share of the number itself.</summary>
    internal const double Absolute = 1e-4, Relative = 1e-4;

    /// <summary>The largest absolute difference.</summary>
    internal static double Compare(string name, Tensor torch, OrtValue onnx)
    {
        ReadOnlySpan<float> actual = onnx.GetTensorDataAsSpan<float>();
        float[] expected = torch.contiguous().data<float>().ToArray();
        long[] shape = onnx.GetTensorTypeAndShape().Shape;
        if (!shape.SequenceEqual(torch.shape))
        {
            throw new OnnxExportException($"The output '{name}' is {OnnxShape.Text(shape)} in ONNX Runtime and {OnnxShape.Text(torch.shape)} in TorchSharp.");
        }

        double largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            double difference = Math.Abs((double)actual[i] - expected[i]);
            // Written so that NaN is a difference.
            if (!(difference <= Absolute + Relative * Math.Abs(expected[i])))
            {
                throw new OnnxExportException($"The output '{name}' is {actual[i]} in ONNX Runtime and {expected[i]} in TorchSharp (element {i}).");
            }

            largest = Math.Max(largest, difference);
        }

        return largest;
    }
}
