using System.Runtime.InteropServices;
using Google.Protobuf;
using Lentigo.OnnxExport.Proto;
using Microsoft.ML.OnnxRuntime;

namespace Lentigo.OnnxExport;

/// <summary>
/// Static quantization to 8 bits in the QDQ form (Jacob et al. 2018, arXiv:1712.05877; the ONNX operators QuantizeLinear and DequantizeLinear):
/// weights int8, symmetric, a scale each output channel; activations uint8 with the range of least squared error on calibration inputs; biases
/// int32, corrected for the mean error of the rounded weights (Nagel et al. 2019, arXiv:1906.04721). Left in float32: layers of one position that hardly
/// cost anything, the heads and the squeeze-and-excitation layers, which accuracy depends on most, and everything that is not convolution, linear layer,
/// pooling or elementwise.
/// </summary>
internal sealed class Quantization
{
    private const int Bins = 2048, Batch = 16;

    // A layer of one position (the head, squeeze-and-excitation) that does less than this share of the work is not worth its rounding.
    private const double WorthShare = 0.01;

    private readonly OnnxGraph _graph;
    private readonly int _opset;
    private readonly int _weightLimit;
    private readonly Dictionary<string, OnnxNode> _producers;
    private readonly Dictionary<string, List<OnnxNode>> _readers;
    private readonly HashSet<OnnxNode> _layers = [];
    private readonly List<string> _activations = [];
    private readonly Dictionary<string, string> _sameRange = [];

    private Quantization(OnnxGraph graph, int opset, bool reducedRange)
    {
        _graph = graph;
        _opset = opset;
        _weightLimit = reducedRange ? 63 : 127;
        _producers = graph.Nodes.SelectMany(n => n.Outputs.Select(o => (o, n))).ToDictionary(p => p.o, p => p.n);
        _readers = graph.Nodes.SelectMany(n => n.Inputs.Distinct().Select(i => (i, n))).GroupBy(p => p.i).ToDictionary(g => g.Key, g => g.Select(p => p.n).ToList());
    }

    /// <summary>Quantizes the graph in place.</summary>
    /// <param name="graph">The graph, in float32.</param>
    /// <param name="opset">Its operator set.</param>
    /// <param name="data">The numbers of the calibration inputs, of all of them one after the other.</param>
    /// <param name="count">The number of inputs.</param>
    /// <param name="reducedRange">Whether weights keep to 7 bits.</param>
    public static void Apply(OnnxGraph graph, int opset, byte[] data, int count, bool reducedRange)
    {
        Quantization quantization = new(graph, opset, reducedRange);
        quantization.Choose();
        if (quantization._layers.Count == 0)
        {
            throw new OnnxExportException("There is nothing to quantize: the network has no convolution or linear layer that is worth it. Export it as Float32.");
        }

        Dictionary<string, Observed> observed = quantization.Observe(data, count);
        quantization.Rewrite(observed);
    }

    /// <summary>Which layers are quantized, and between which values the rounding happens.</summary>
    private void Choose()
    {
        Dictionary<OnnxNode, double> work = [];
        foreach (OnnxNode node in _graph.Nodes.Where(n => n.Operation is "Conv" or "Gemm" or "MatMul" && _graph.Constants.TryGetValue(n.Inputs[1], out OnnxConstant? c) && c.IsWeight))
        {
            OnnxTensor weight = _graph.Constants[node.Inputs[1]].Tensor;
            if (weight.ElementType == OnnxElementType.Float32 && _graph.Values.ContainsKey(node.Inputs[0]) && !_graph.Constants.ContainsKey(node.Inputs[0]))
            {
                work[node] = weight.Count * Positions(node);
            }
        }

        double total = work.Values.Sum();
        _layers.UnionWith(work.Where(w => Positions(w.Key) > 1 || w.Value >= WorthShare * total).Select(w => w.Key));
        HashSet<string> chosen = [];
        foreach (OnnxNode node in _graph.Nodes)
        {
            if (_layers.Contains(node))
            {
                Add(node.Inputs[0]);
                if (node.Operation == "Conv")
                {
                    Add(Activated(node.Outputs[0]));
                }
            }
            else if (node.Operation is "Add" or "Mul" or "Sigmoid" or "MaxPool" or "AveragePool" && _graph.Values[node.Outputs[0]].Rank == 4
                && node.Inputs.Exists(chosen.Contains) && !node.Inputs.Exists(_graph.Constants.ContainsKey))
            {
                node.Inputs.ForEach(Add);
                string output = Activated(node.Outputs[0]);
                Add(output);
                if (node.Operation == "MaxPool" && output == node.Outputs[0])
                {
                    _sameRange[output] = node.Inputs[0];
                }
            }
        }

        void Add(string value)
        {
            if (chosen.Add(value))
            {
                _activations.Add(value);
            }
        }
    }

    /// <summary>How many times a layer's weights are used for one input.</summary>
    private long Positions(OnnxNode node)
    {
        IReadOnlyList<long> shape = _graph.Values[node.Outputs[0]].Shape;
        // Convolutions are [n, channels, positions...], products [n, positions..., channels].
        return (node.Operation == "Conv" ? shape.Skip(2) : shape.Skip(1).SkipLast(1)).Aggregate(1L, (a, b) => a * Math.Abs(b));
    }

    /// <summary>The value after the activation that a runtime does in the same step: rounding to a range that starts at 0 is a ReLU.</summary>
    private string Activated(string value) =>
        _readers.TryGetValue(value, out List<OnnxNode>? readers) && readers.Count == 1 && !IsOutput(value)
        && (readers[0].Operation == "Relu" || (readers[0].Operation == "Clip" && readers[0].Inputs.Count == 3 && _graph.Constants[readers[0].Inputs[1]].Tensor.Floats[0] == 0))
            ? readers[0].Outputs[0]
            : value;

    private bool IsOutput(string value) => _graph.Outputs.Exists(o => o.Value.Name == value);

    /// <summary>Runs the float graph on the calibration inputs: first for limits and means, then for the distribution between the limits.</summary>
    private Dictionary<string, Observed> Observe(byte[] data, int count)
    {
        ModelProto model = _graph.ToModel(_opset, null, null);
        HashSet<string> given = [.. _graph.Inputs.Select(i => i.Value.Name)];
        model.Graph.Output.Clear();
        model.Graph.Output.AddRange(_activations.Where(a => !given.Contains(a)).Select(a => OnnxGraph.Info(_graph.Values[a])));
        Dictionary<string, Observed> observed = _activations.ToDictionary(a => a, _ => new Observed());
        OnnxValue input = _graph.Inputs.Single().Value;
        int bytes = data.Length / count;
        using SessionOptions options = new();
        using InferenceSession session = new(model.ToByteArray(), options);
        using RunOptions run = new();
        foreach (bool limits in new[] { true, false })
        {
            for (int start = 0; start < count; start += Batch)
            {
                int length = Math.Min(Batch, count - start);
                long[] shape = [length, .. input.Shape.Skip(1)];
                using OrtValue batch = OnnxRuntimeInput.Of(input.ElementType, data.AsSpan(start * bytes, length * bytes), shape);
                    if (observed.TryGetValue(input.Name, out Observed? self))
                    {
                        self.See(batch, limits);
                    }

                    using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(run, [_graph.Inputs[0].Name], [batch], [.. model.Graph.Output.Select(o => o.Name)]);
                    foreach ((ValueInfoProto info, OrtValue value) in model.Graph.Output.Zip(outputs))
                    {
                        observed[info.Name].See(value, limits);
                    }
            }
        }

        return observed;
    }

    private void Rewrite(Dictionary<string, Observed> observed)
    {
        Dictionary<string, (float Scale, byte Zero)> ranges = _activations.ToDictionary(a => a, a => observed[a].Range());
        foreach ((string pooled, string before) in _sameRange)
        {
            ranges[pooled] = ranges[before];
        }

        List<OnnxNode> rewritten = [];
        foreach (string input in _graph.Inputs.Select(i => i.Value.Name).Where(ranges.ContainsKey))
        {
            rewritten.AddRange(Round(input, ranges[input]));
        }

        foreach (OnnxNode node in _graph.Nodes)
        {
            if (_layers.Contains(node))
            {
                rewritten.AddRange(QuantizeWeights(node, ranges[node.Inputs[0]].Scale, observed[node.Inputs[0]]));
            }

            for (int i = 0; i < node.Inputs.Count; i++)
            {
                if (ranges.ContainsKey(node.Inputs[i]))
                {
                    node.Inputs[i] = $"{node.Inputs[i]}/rounded";
                }
            }

            rewritten.Add(node);
            foreach (string output in node.Outputs.Where(ranges.ContainsKey).ToList())
            {
                rewritten.AddRange(Round(output, ranges[output]));
            }
        }

        _graph.Nodes.Clear();
        _graph.Nodes.AddRange(rewritten);
    }

    /// <summary>The pair of nodes that rounds a value.</summary>
    private IEnumerable<OnnxNode> Round(string value, (float Scale, byte Zero) range)
    {
        string scale = Constant($"{value}/scale", OnnxTensor.Of([range.Scale]));
        string zero = Constant($"{value}/zero", new(OnnxElementType.UInt8, [], [range.Zero]));
        IReadOnlyList<long> shape = _graph.Values[value].Shape;
        Value($"{value}/uint8", OnnxElementType.UInt8, shape);
        Value($"{value}/rounded", OnnxElementType.Float32, shape);
        yield return new($"{value}/QuantizeLinear", "QuantizeLinear", [value, scale, zero], [$"{value}/uint8"], new Dictionary<string, object>());
        yield return new($"{value}/DequantizeLinear", "DequantizeLinear", [$"{value}/uint8", scale, zero], [$"{value}/rounded"], new Dictionary<string, object>());
    }

    private IEnumerable<OnnxNode> QuantizeWeights(OnnxNode layer, float inputScale, Observed input)
    {
        OnnxTensor weight = _graph.Constants[layer.Inputs[1]].Tensor;
        bool columns = layer.Operation == "MatMul" || (layer.Operation == "Gemm" && (!layer.Attributes.TryGetValue("transB", out object? transposed) || (long)transposed == 0));
        int axis = columns ? weight.Shape.Length - 1 : 0, outputs = (int)weight.Shape[axis], each = (int)(weight.Count / outputs);
        bool hasBias = layer.Inputs.Count > 2;
        float[]? bias = hasBias ? _graph.Constants[layer.Inputs[2]].Tensor.Floats.ToArray() : layer.Operation == "Conv" ? new float[outputs] : null;
        float[] scales = new float[outputs];
        sbyte[] rounded = new sbyte[weight.Count];
        ReadOnlySpan<float> values = weight.Floats;
        long group = layer.Attributes.TryGetValue("group", out object? groups) ? (long)groups : 1;
        int channels = layer.Operation == "Conv" ? (int)weight.Shape[1] : each, perChannel = each / channels;
        for (int o = 0; o < outputs; o++)
        {
            float largest = 0;
            for (int i = 0; i < each; i++)
            {
                largest = Math.Max(largest, Math.Abs(values[columns ? i * outputs + o : o * each + i]));
            }

            // The bias is an int32 in units of both scales, so a scale may not be so small that it overflows.
            float scale = Math.Max(largest / _weightLimit, 1e-10f);
            scales[o] = scale = Math.Max(scale, bias is null ? 0 : 2 * Math.Abs(bias[o]) / inputScale / int.MaxValue);
            double shift = 0;
            int firstChannel = layer.Operation == "Conv" ? o / (outputs / (int)group) * channels : 0;
            for (int i = 0; i < each; i++)
            {
                int at = columns ? i * outputs + o : o * each + i;
                rounded[at] = (sbyte)Math.Clamp(MathF.Round(values[at] / scale), -_weightLimit, _weightLimit);
                shift += (values[at] - (double)rounded[at] * scale) * input.Mean(layer.Operation == "Conv" ? firstChannel + i / perChannel : -1);
            }

            if (bias is not null && layer.Operation == "Conv")
            {
                bias[o] += (float)shift;
            }
        }

        string name = layer.Inputs[1], scaleName = Constant($"{name}/scale", OnnxTensor.Of(scales, outputs));
        string int8 = Constant($"{name}/int8", new(OnnxElementType.Int8, weight.Shape, MemoryMarshal.AsBytes<sbyte>(rounded).ToArray()));
        string zero = Constant($"{name}/zero", new(OnnxElementType.Int8, [outputs], new byte[outputs]));
        Value($"{name}/rounded", OnnxElementType.Float32, weight.Shape);
        layer.Inputs[1] = $"{name}/rounded";
        yield return new($"{name}/DequantizeLinear", "DequantizeLinear", [int8, scaleName, zero], [$"{name}/rounded"], new Dictionary<string, object> { ["axis"] = (long)axis });
        if (bias is null)
        {
            yield break;
        }

        int[] biases = new int[outputs];
        float[] biasScales = new float[outputs];
        for (int o = 0; o < outputs; o++)
        {
            biasScales[o] = inputScale * scales[o];
            biases[o] = (int)Math.Clamp(Math.Round((double)bias[o] / biasScales[o]), int.MinValue, int.MaxValue);
        }

        string biasInt = Constant($"{name}/bias", new(OnnxElementType.Int32, [outputs], MemoryMarshal.AsBytes<int>(biases).ToArray()));
        string biasScale = Constant($"{name}/bias/scale", OnnxTensor.Of(biasScales, outputs));
        Value($"{name}/bias/rounded", OnnxElementType.Float32, [outputs]);
        yield return new($"{name}/bias/DequantizeLinear", "DequantizeLinear", [biasInt, biasScale], [$"{name}/bias/rounded"], new Dictionary<string, object> { ["axis"] = 0L });
        if (hasBias)
        {
            layer.Inputs[2] = $"{name}/bias/rounded";
        }
        else
        {
            layer.Inputs.Add($"{name}/bias/rounded");
        }
    }

    private string Constant(string name, OnnxTensor tensor)
    {
        _graph.Constants[name] = new(tensor);
        return name;
    }

    private void Value(string name, OnnxElementType type, IReadOnlyList<long> shape) => _graph.Values[name] = new(name, type, shape);

    /// <summary>What an activation's numbers were on the calibration inputs.</summary>
    private sealed class Observed
    {
        private readonly long[] histogram = new long[Bins];
        private float least;
        private float most;
        private double[]? sums;
        private long perChannel;

        public void See(OrtValue value, bool limits)
        {
            ReadOnlySpan<float> numbers = value.GetTensorDataAsSpan<float>();
            if (limits)
            {
                // 0 is always in the range: padding must be exact.
                foreach (float number in numbers)
                {
                    least = Math.Min(least, number);
                    most = Math.Max(most, number);
                }

                long[] shape = value.GetTensorTypeAndShape().Shape;
                if (shape.Length >= 3)
                {
                    int channels = (int)shape[1], positions = (int)(numbers.Length / shape[0] / channels);
                    sums ??= new double[channels];
                    perChannel += shape[0] * positions;
                    for (int i = 0; i < numbers.Length; i++)
                    {
                        sums[i / positions % channels] += numbers[i];
                    }
                }

                return;
            }

            float width = (most - least) / Bins;
            if (width > 0)
            {
                foreach (float number in numbers)
                {
                    histogram[Math.Clamp((int)((number - least) / width), 0, Bins - 1)]++;
                }
            }
        }

        /// <summary>The mean of a channel of an image; 0 where there is none.</summary>
        public double Mean(int channel) => channel < 0 || sums is null ? 0 : sums[channel] / perChannel;

        /// <summary>The scale and zero point of the range that loses least, in squared error: outliers are cut where finer steps are worth more.</summary>
        public (float Scale, byte Zero) Range()
        {
            if (!float.IsFinite(least) || !float.IsFinite(most))
            {
                throw new OnnxExportException("An activation is NaN or infinite on the calibration images.");
            }

            (double Error, float Scale, byte Zero) best = (double.MaxValue, 1, 0);
            for (int step = 0; step < 50; step++)
            {
                float share = 1 - step * 0.018f;
                (float scale, byte zero) = Parameters(least * share, most * share);
                double error = Error(scale, zero);
                if (error < best.Error)
                {
                    best = (error, scale, zero);
                }
            }

            return (best.Scale, best.Zero);
        }

        private static (float Scale, byte Zero) Parameters(float low, float high)
        {
            if (!(high - low > 1e-12f))
            {
                return (1, 0);
            }

            // A hair below, so that the largest step of a range that ends at 6 is not beyond 6, and a runtime sees that ReLU6 does nothing more.
            float scale = MathF.BitDecrement((high - low) / 255);
            return (scale, (byte)Math.Clamp(MathF.Round(-low / scale), 0, 255));
        }

        private double Error(float scale, byte zero)
        {
            double width = (double)(most - least) / Bins, error = 0;
            for (int bin = 0; bin < Bins; bin++)
            {
                if (histogram[bin] > 0)
                {
                    double number = least + (bin + 0.5) * width, rounded = Math.Clamp(Math.Round(number / scale) + zero, 0, 255);
                    double difference = number - (rounded - zero) * scale;
                    // Within a step the numbers lie evenly, whatever the bin's middle.
                    error += histogram[bin] * (rounded is > 0 and < 255 ? scale * (double)scale / 12 : difference * difference);
                }
            }

            return error;
        }
    }
}
