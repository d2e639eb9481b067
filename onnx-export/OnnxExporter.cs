using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>Writes TorchSharp modules as ONNX files.</summary>
/// <remarks>
/// TorchSharp's tensors have finalizers, and its calls do not keep their arguments reachable: a collection during a native call frees a tensor that nothing refers
/// to afterwards. Each public method therefore has a <see cref="DisposeScope"/>, which holds what is computed, and keeps what it was given alive to its end.
/// </remarks>
public static class OnnxExporter
{
    /// <summary>Writes a module; the file is there only when it is whole.</summary>
    /// <param name="module">The network in evaluation, on the CPU, in float32.</param>
    /// <param name="exampleInput">What its forward takes: the shape and element type of the graph's input, the first dimension being the batch.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">How it is written.</param>
    /// <exception cref="OnnxExportException">The module cannot be exported, or the file cannot be written; the message says what and why.</exception>
    public static void Export(nn.Module<Tensor, Tensor> module, Tensor exampleInput, string path, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new();
        using (NewDisposeScope())
        {
            OnnxFile.Write(Build(module, exampleInput, options).ToModel(options.Opset, options.DocString, options.Metadata), path);
        }

        KeepAlive(module, exampleInput, options);
    }

    /// <summary>
    /// Runs the file in ONNX Runtime and the module in TorchSharp: on the example, on random numbers of its shape, and on batches of other lengths.
    /// </summary>
    /// <param name="module">The module that was exported.</param>
    /// <param name="exampleInput">The input that it was exported with, or another like it.</param>
    /// <param name="path">The file.</param>
    /// <param name="options">The options that it was exported with.</param>
    /// <returns>The largest differences.</returns>
    /// <exception cref="OnnxExportException">
    /// They differ by more than 1e-4 + 1e-4 |torch|; the message names the first module that does. Int8 is measured and not refused.
    /// </exception>
    public static OnnxVerification Verify(nn.Module<Tensor, Tensor> module, Tensor exampleInput, string path, OnnxExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        options ??= new();
        using DisposeScope scope = NewDisposeScope();
        OnnxGraph graph = Build(module, exampleInput, options);
        OnnxVerification first = Compare(exampleInput);
        List<OnnxVerification> all = [first];
        if (exampleInput.dtype == ScalarType.Float32)
        {
            try
            {
                foreach (long batch in options.DynamicBatch ? new[] { 1L, 3 } : [exampleInput.shape[0]])
                {
                    all.Add(Compare(randn([batch, .. exampleInput.shape.Skip(1)])));
                }
            }
            catch (OnnxExportException e)
            {
                throw new OnnxExportException(
                    $"On the example the file answers as the module does, but not on other numbers of its shape: {e.Message} If the forward takes another way for other data, it cannot be exported: a graph has one way. Compute both and choose with a product.", e);
            }
        }

        else if (options.DynamicBatch)
        {
            // Numbers of a kind, such as the tokens of a text, may not be drawn at random: the example's rows in other batches.
            all.Add(Compare(exampleInput.narrow(0, 0, 1)));
            all.Add(Compare(cat([exampleInput, exampleInput.flip(0), exampleInput], 0)));
        }

        KeepAlive(module, exampleInput, options);
        return new(new Dictionary<string, double> { [options.OutputName] = all.Max(v => v.LargestDifferences[options.OutputName]) }, all.Average(v => v.Agreement));

        OnnxVerification Compare(Tensor input) =>
            OnnxVerification.Run(graph, path, options.Precision, input, 1, () => new() { [options.OutputName] = module.call(input) });
    }

    private static OnnxGraph Build(nn.Module<Tensor, Tensor> module, Tensor exampleInput, OnnxExportOptions options)
    {
        ArgumentNullException.ThrowIfNull(module);
        ArgumentNullException.ThrowIfNull(exampleInput);
        options.Check();
        string name = module.GetType().Name;
        ModuleCheck.Check(module, name, options.AllowTiedWeights);
        if (exampleInput.dim() == 0)
        {
            throw new OnnxExportException("The example input is a scalar; it needs a batch: [n, ...].");
        }

        OnnxGraphBuilder graph = new(options.Opset, options.Converters);
        long[] shape = exampleInput.shape;
        OnnxValue input = graph.Input(options.InputName, OnnxRuntimeInput.ElementType(exampleInput.dtype), options.DynamicBatch ? [-1, .. shape.Skip(1)] : shape);
        graph.Root(module, name);
        graph.Output(options.OutputName, graph.Call(module, input));
        graph.Graph.Finish(options, options.CalibrationInputs, nameof(OnnxExportOptions.CalibrationInputs));
        return graph.Graph;
    }

    private static void KeepAlive(nn.Module module, Tensor exampleInput, OnnxExportOptions options)
    {
        GC.KeepAlive(module);
        GC.KeepAlive(exampleInput);
        GC.KeepAlive(options);
    }
}
