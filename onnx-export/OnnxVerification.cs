using Microsoft.ML.OnnxRuntime;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>How far ONNX Runtime's answers are from TorchSharp's.</summary>
/// <param name="LargestDifferences">The largest absolute difference of each output.</param>
/// <param name="Agreement">The share of inputs for which the largest number of the last output is at the same place in both.</param>
public sealed record OnnxVerification(IReadOnlyDictionary<string, double> LargestDifferences, double Agreement)
{
    /// <summary>What a difference may be: 1e-4 + 1e-4 |torch|.</summary>
    internal const double Absolute = 1e-4, Relative = 1e-4;

    /// <inheritdoc/>
    public override string ToString() => $"{string.Join(", ", LargestDifferences.Select(d => $"{d.Key} to {d.Value:g2}"))}, the same top class for {Agreement:p1}";

    /// <summary>Runs a file beside its modules.</summary>
    /// <param name="graph">The graph, as the file was written from it.</param>
    /// <param name="path">The file.</param>
    /// <param name="precision">How it was written. Float16 is compared with rounded weights; int8 is only measured, since rounding is no fault.</param>
    /// <param name="input">The graph's input.</param>
    /// <param name="views">How often each module runs for one run of the graph.</param>
    /// <param name="torch">Runs the modules and gives each output.</param>
    internal static OnnxVerification Run(OnnxGraph graph, string path, OnnxPrecision precision, Tensor input, int views, Func<Dictionary<string, Tensor>> torch)
    {
        using DisposeScope scope = NewDisposeScope();
        // LibTorch 2.10's LSTM without gradients (oneDNN's) is wrong on some CPUs; with them it runs another one.
        using IDisposable gradients = set_grad_enabled(graph.Nodes.Exists(n => n.Operation == "LSTM"));
        using HeldWeights? held = precision == OnnxPrecision.Float16 ? HeldWeights.Of(graph) : null;
        Dictionary<string, Tensor> expected = OnOneThread(torch);
        using InferenceSession runtime = Open(path);
        using RunOptions run = new();
        using OrtValue value = OnnxRuntimeInput.Of(input);
        Dictionary<string, OrtValue> inputs = new() { [graph.Inputs[0].Name] = value };
        using IDisposableReadOnlyCollection<OrtValue> outputs = runtime.Run(run, inputs, expected.Keys);
        Dictionary<string, double> largest = [];
        try
        {
            foreach (((string name, Tensor tensor), OrtValue onnx) in expected.Zip(outputs))
            {
                double allowed = name == OnnxEnsemble.Suitability ? OnnxSuitability.Tolerance : Absolute;
                largest[name] = Compare(name, tensor, onnx, precision == OnnxPrecision.Int8 ? double.PositiveInfinity : allowed);
            }
        }
        catch (OnnxExportException e) when (precision != OnnxPrecision.Int8)
        {
            using ModuleTrace trace = new(graph);
            OnOneThread(torch);
            throw new OnnxExportException($"{e.Message} {trace.FirstDifference(graph, path, inputs, views) ?? "No module differs by itself: the difference arises between them."}", e);
        }

        // An ensemble's answer is its probabilities; other graphs have one output that counts, the last.
        int answer = expected.Keys.ToList().IndexOf(OnnxEnsemble.Probabilities) is >= 0 and int at ? at : expected.Count - 1;
        return new(largest, SameTop(expected.ElementAt(answer).Value, outputs[answer]));
    }

    /// <summary>The largest absolute difference.</summary>
    /// <exception cref="OnnxExportException">A difference is beyond the tolerance, or a number is none.</exception>
    internal static double Compare(string name, Tensor torch, OrtValue onnx, double absolute = Absolute)
    {
        ReadOnlySpan<float> actual = onnx.GetTensorDataAsSpan<float>();
        float[] expected = torch.detach().contiguous().data<float>().ToArray();
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
            if (!(difference <= absolute + Relative * Math.Abs(expected[i])))
            {
                throw new OnnxExportException($"The output '{name}' is {actual[i]} in ONNX Runtime and {expected[i]} in TorchSharp (element {i}).");
            }

            largest = Math.Max(largest, difference);
        }

        return largest;
    }

    internal static InferenceSession Open(string path)
    {
        using SessionOptions options = new() { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        try
        {
            return new(path, options);
        }
        catch (OnnxRuntimeException e)
        {
            throw new OnnxExportException($"ONNX Runtime cannot load {path}: {e.Message}", e);
        }
    }

    /// <summary>On some CPUs LibTorch 2.10 computes some convolutions wrongly when several threads share one, and rightly on one.</summary>
    private static Dictionary<string, Tensor> OnOneThread(Func<Dictionary<string, Tensor>> torch)
    {
        int threads = get_num_threads();
        set_num_threads(1);
        try
        {
            return torch();
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    private static double SameTop(Tensor torch, OrtValue onnx)
    {
        using Tensor runtime = tensor(onnx.GetTensorDataAsSpan<float>().ToArray()).view(torch.shape[0], -1);
        using Tensor same = torch.detach().reshape(torch.shape[0], -1).argmax(1).eq(runtime.argmax(1)).to(ScalarType.Float32).mean();
        return same.item<float>();
    }
}
