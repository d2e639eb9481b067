using System.Runtime.InteropServices;
using Google.Protobuf;
using Lentigo.OnnxExport.Proto;
using Microsoft.ML.OnnxRuntime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using TensorElementType = Microsoft.ML.OnnxRuntime.Tensors.TensorElementType;

namespace Lentigo.OnnxExport;

/// <summary>A node before it is written.</summary>
internal sealed class OnnxNode(string name, string operation, List<string> inputs, List<string> outputs, IReadOnlyDictionary<string, object> attributes)
{
    public string Name { get; } = name;

    public string Operation { get; } = operation;

    /// <summary>The values taken; empty where an optional one is left out.</summary>
    public List<string> Inputs { get; } = inputs;

    public List<string> Outputs { get; } = outputs;

    /// <summary>Of type long, float, string, long[], float[] or, for the branches of an If, <see cref="OnnxGraph"/>.</summary>
    public IReadOnlyDictionary<string, object> Attributes { get; } = attributes;

    /// <summary>The module that the node alone stands for.</summary>
    public nn.Module? Module { get; init; }
}

/// <summary>A constant: whether it is trained, and the parameter that it was, if it was one as it stands.</summary>
internal sealed record OnnxConstant(OnnxTensor Tensor, bool IsWeight = false, Tensor? Parameter = null, bool Transposed = false);

/// <summary>What a module returned.</summary>
internal sealed record ModuleOutput(string Path, nn.Module Module, string Value);

/// <summary>A batch normalization that went into the layer before it: the names of what the layer now holds.</summary>
internal sealed record FoldedNorm(Tensor Weight, Tensor? Bias, NormBase Norm, string WeightName, string BiasName);

/// <summary>The graph that the builder fills and the passes improve.</summary>
internal sealed class OnnxGraph
{
    public List<OnnxNode> Nodes { get; private set; } = [];

    public Dictionary<string, OnnxConstant> Constants { get; } = [];

    public Dictionary<string, OnnxValue> Values { get; } = [];

    public List<(string Name, OnnxValue Value)> Inputs { get; } = [];

    public List<(string Name, OnnxValue Value)> Outputs { get; } = [];

    public List<FoldedNorm> FoldedNorms { get; } = [];

    /// <summary>The values that modules returned, by path, in the order in which the modules ran.</summary>
    public List<ModuleOutput> Modules { get; } = [];

    /// <summary>
    /// Folds a batch normalization in evaluation, y = (x - mean) / sqrt(var + eps) * gamma + beta, into the weights of the convolution or linear
    /// layer whose only reader it is. In double precision, rounded once.
    /// </summary>
    public void FoldBatchNorms()
    {
        Dictionary<string, OnnxNode> producers = Nodes.SelectMany(n => n.Outputs.Select(o => (o, n))).ToDictionary(p => p.o, p => p.n);
        Dictionary<string, int> readers = Readers();
        HashSet<OnnxNode> gone = [];
        foreach (OnnxNode norm in Nodes.Where(n => n.Operation == "BatchNormalization").ToList())
        {
            if (!producers.TryGetValue(norm.Inputs[0], out OnnxNode? layer) || layer.Operation is not ("Conv" or "ConvTranspose" or "Gemm")
                || readers[norm.Inputs[0]] != 1 || !Constants.TryGetValue(layer.Inputs[1], out OnnxConstant? weight) || readers[layer.Inputs[1]] != 1
                || (layer.Inputs.Count > 2 && !Constants.ContainsKey(layer.Inputs[2])))
            {
                continue;
            }

            ReadOnlySpan<float> gamma = Constants[norm.Inputs[1]].Tensor.Floats, beta = Constants[norm.Inputs[2]].Tensor.Floats;
            ReadOnlySpan<float> mean = Constants[norm.Inputs[3]].Tensor.Floats, variance = Constants[norm.Inputs[4]].Tensor.Floats;
            float epsilon = (float)norm.Attributes["epsilon"];
            int channels = gamma.Length;
            OnnxConstant? bias = layer.Inputs.Count > 2 ? Constants[layer.Inputs[2]] : null;
            float[] foldedWeight = weight.Tensor.Floats.ToArray(), foldedBias = new float[channels];
            // A transposed convolution's weights are [in, out / groups, ...]: with one group the output channel is the second axis.
            bool transposed = layer.Operation == "ConvTranspose";
            if (transposed && layer.Attributes.TryGetValue("group", out object? groups) && (long)groups != 1)
            {
                continue;
            }

            int block = transposed ? foldedWeight.Length / (int)weight.Tensor.Shape[0] / channels : foldedWeight.Length / channels;
            for (int i = 0; i < foldedWeight.Length; i++)
            {
                int c = i / block % channels;
                foldedWeight[i] = (float)(foldedWeight[i] * (gamma[c] / Math.Sqrt((double)variance[c] + epsilon)));
            }

            for (int c = 0; c < channels; c++)
            {
                double scale = gamma[c] / Math.Sqrt((double)variance[c] + epsilon);
                foldedBias[c] = (float)(((bias?.Tensor.Floats[c] ?? 0) - (double)mean[c]) * scale + beta[c]);
            }

            string weightName = layer.Inputs[1];
            string biasName = bias is null ? $"{weightName}.bias" : layer.Inputs[2];
            Constants[weightName] = new(OnnxTensor.Of(foldedWeight, weight.Tensor.Shape), IsWeight: true);
            Constants[biasName] = new(OnnxTensor.Of(foldedBias, channels));
            if (bias is null)
            {
                layer.Inputs.Add(biasName);
            }

            if (weight.Parameter is not null && norm.Module is NormBase module)
            {
                FoldedNorms.Add(new(weight.Parameter, bias?.Parameter, module, weightName, biasName));
            }

            Modules.RemoveAll(m => m.Value == layer.Outputs[0]);
            layer.Outputs[0] = norm.Outputs[0];
            gone.Add(norm);
        }

        Nodes.RemoveAll(gone.Contains);
    }

    /// <summary>
    /// Computes, once and by ONNX Runtime, the nodes that depend on constants alone. Weights stay as they are, for a comparison needs them: runtimes do
    /// what little is done to them on loading.
    /// </summary>
    public void FoldConstants(int opset)
    {
        HashSet<string> known = [.. Constants.Where(c => !c.Value.IsWeight).Select(c => c.Key)];
        List<OnnxNode> foldable = [];
        foreach (OnnxNode node in Nodes)
        {
            if (node.Inputs.TrueForAll(i => i.Length == 0 || known.Contains(i)))
            {
                foldable.Add(node);
                known.UnionWith(node.Outputs);
            }
        }

        Nodes.RemoveAll(foldable.Contains);
        HashSet<string> needed = [.. Nodes.SelectMany(n => n.Inputs)];
        List<string> wanted = [.. foldable.SelectMany(n => n.Outputs).Where(needed.Contains)];
        // An output of the graph must be made by a node.
        OnnxNode[] kept = [.. foldable.Where(n => n.Outputs.Exists(o => Outputs.Exists(g => g.Value.Name == o)))];
        if (wanted.Count > 0)
        {
            OnnxGraph part = new();
            part.Nodes.AddRange(foldable);
            foreach (string name in foldable.SelectMany(n => n.Inputs).Where(Constants.ContainsKey).Distinct())
            {
                part.Constants[name] = Constants[name];
            }

            part.Outputs.AddRange(wanted.Select(w => (w, Values[w])));
            using SessionOptions options = new();
            using InferenceSession session = new(part.ToModel(opset, null, null).ToByteArray(), options);
            using RunOptions run = new();
            using IDisposableReadOnlyCollection<OrtValue> results = session.Run(run, new Dictionary<string, OrtValue>(), wanted);
            foreach ((string name, OrtValue result) in wanted.Zip(results))
            {
                byte[] data = result.GetTensorTypeAndShape().ElementDataType switch
                {
                    TensorElementType.Float => MemoryMarshal.AsBytes(result.GetTensorDataAsSpan<float>()).ToArray(),
                    TensorElementType.Int64 => MemoryMarshal.AsBytes(result.GetTensorDataAsSpan<long>()).ToArray(),
                    TensorElementType.Int32 => MemoryMarshal.AsBytes(result.GetTensorDataAsSpan<int>()).ToArray(),
                    _ => result.GetTensorDataAsSpan<byte>().ToArray(),
                };
                Constants[name] = new(new(Values[name].ElementType, result.GetTensorTypeAndShape().Shape, data));
            }
        }

        Nodes = [.. kept, .. Nodes];
    }

    /// <summary>Takes out copies, and nodes and constants that no output needs.</summary>
    public void RemoveUnused()
    {
        foreach (OnnxNode copy in Nodes.Where(n => n.Operation == "Identity").ToList())
        {
            // The name of an output stays: its maker takes it over, if it makes nothing else of it that is an input, a constant or an output too.
            OnnxNode? maker = Nodes.Find(n => n.Outputs.Contains(copy.Inputs[0]));
            bool isOutput = Outputs.Exists(o => o.Value.Name == copy.Outputs[0]);
            if (isOutput && (maker is null || Outputs.Exists(o => o.Value.Name == copy.Inputs[0])))
            {
                continue;
            }

            (string gone, string stays) = isOutput ? (copy.Inputs[0], copy.Outputs[0]) : (copy.Outputs[0], copy.Inputs[0]);
            Nodes.Remove(copy);
            foreach (OnnxNode node in Nodes)
            {
                Rename(node.Inputs, gone, stays);
                Rename(node.Outputs, gone, stays);
            }

            for (int i = 0; i < Modules.Count; i++)
            {
                Modules[i] = Modules[i].Value == gone ? Modules[i] with { Value = stays } : Modules[i];
            }
        }

        HashSet<string> needed = [.. Outputs.Select(o => o.Value.Name)];
        for (int i = Nodes.Count - 1; i >= 0; i--)
        {
            if (Nodes[i].Outputs.Exists(needed.Contains))
            {
                needed.UnionWith(Nodes[i].Inputs);
            }
        }

        Nodes.RemoveAll(n => !n.Outputs.Exists(needed.Contains));
        foreach (string name in Constants.Keys.Where(c => !needed.Contains(c)).ToList())
        {
            Constants.Remove(name);
        }
    }

    /// <summary>Stores the weights of two dimensions and more as float16 and casts them back: ONNX Runtime does so once, on loading.</summary>
    public void StoreWeightsAsFloat16()
    {
        List<OnnxNode> casts = [];
        foreach ((string name, OnnxConstant constant) in Constants.ToList())
        {
            if (!constant.IsWeight || constant.Tensor.ElementType != OnnxElementType.Float32 || constant.Tensor.Shape.Length < 2 || constant.Tensor.Count < 64)
            {
                continue;
            }

            OnnxTensor half = constant.Tensor.ToFloat16();
            if (half.ToFloat32().Floats.ContainsAnyInRange(65520, float.PositiveInfinity) || half.ToFloat32().Floats.ContainsAnyInRange(float.NegativeInfinity, -65520))
            {
                throw new OnnxExportException($"{name} holds numbers beyond 65504, the largest float16. Export this network as Float32.");
            }

            string stored = $"{name}.float16";
            Constants.Remove(name);
            Constants[stored] = constant with { Tensor = half };
            casts.Add(new($"{name}.cast", "Cast", [stored], [name], new Dictionary<string, object> { ["to"] = (long)OnnxElementType.Float32 }));
        }

        Nodes = [.. casts, .. Nodes];
    }

    /// <summary>The numbers with which a layer computes, whatever they are stored as.</summary>
    public OnnxTensor Weights(string name) =>
        Constants.TryGetValue($"{name}.float16", out OnnxConstant? half) ? half.Tensor.ToFloat32() : Constants[name].Tensor;

    /// <summary>Improves the graph and brings it to its precision.</summary>
    public void Finish(OnnxOptions options, Tensor? calibration, string calibrationName)
    {
        FoldBatchNorms();
        FoldConstants(options.Opset);
        RemoveUnused();
        switch (options.Precision)
        {
            case OnnxPrecision.Float16:
                StoreWeightsAsFloat16();
                break;
            case OnnxPrecision.Int8:
                OnnxValue input = Inputs.Single().Value;
                if (calibration is null || calibration.dim() != input.Rank || calibration.shape[0] < 1 || !calibration.shape.Skip(1).SequenceEqual(input.Shape.Skip(1))
                    || OnnxRuntimeInput.ElementType(calibration.dtype) != input.ElementType)
                {
                    throw new OnnxExportException($"Int8 needs inputs to measure the ranges of activations on: set {calibrationName} to {input.ElementType} {OnnxShape.Text(input.Shape)}, a hundred or more of those that the network will see.");
                }

                using (Tensor data = calibration.detach().cpu().contiguous())
                {
                    Quantization.Apply(this, options.Opset, data.bytes.ToArray(), (int)data.shape[0], options.ReducedRange);
                }

                RemoveUnused();
                // What stays in float32 is small work, but may be many weights: those of squeeze-and-excitation.
                StoreWeightsAsFloat16();
                break;
        }
    }

    public ModelProto ToModel(int opset, string? doc, IReadOnlyDictionary<string, string>? metadata)
    {
        ModelProto model = new()
        {
            // The IR version that came with the operator set, by the specification's table of versions.
            IrVersion = opset switch { <= 18 => 8, <= 20 => 9, _ => 10 },
            ProducerName = "Lentigo.OnnxExport",
            ProducerVersion = typeof(OnnxGraph).Assembly.GetName().Version!.ToString(3),
            DocString = doc ?? "",
            OpsetImport = { new OperatorSetIdProto { Version = opset } },
            Graph = ToProto("main"),
        };
        foreach ((string key, string value) in metadata ?? new Dictionary<string, string>())
        {
            model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        }

        return model;
    }

    private GraphProto ToProto(string name)
    {
        GraphProto graph = new() { Name = name };
        graph.Input.AddRange(Inputs.Select(i => Info(i.Value)));
        graph.Output.AddRange(Outputs.Select(o => Info(o.Value)));
        HashSet<string> ends = [.. Inputs.Concat(Outputs).Select(v => v.Value.Name)];
        foreach (OnnxNode node in Nodes)
        {
            NodeProto written = new() { Name = node.Name, OpType = node.Operation };
            written.Input.AddRange(node.Inputs);
            written.Output.AddRange(node.Outputs);
            written.Attribute.AddRange(node.Attributes.OrderBy(a => a.Key, StringComparer.Ordinal).Select(a => Attribute(a.Key, a.Value)));
            graph.Node.Add(written);
            graph.ValueInfo.AddRange(node.Outputs.Where(o => !ends.Contains(o) && Values.ContainsKey(o)).Select(o => Info(Values[o])));
        }

        foreach ((string constantName, OnnxConstant constant) in Constants)
        {
            graph.Initializer.Add(constant.Tensor.ToProto(constantName));
        }

        return graph;
    }

    private static void Rename(List<string> names, string from, string to)
    {
        for (int i = 0; i < names.Count; i++)
        {
            names[i] = names[i] == from ? to : names[i];
        }
    }

    private Dictionary<string, int> Readers() =>
        Nodes.SelectMany(n => n.Inputs).Concat(Outputs.Select(o => o.Value.Name)).CountBy(i => i).ToDictionary();

    public static ValueInfoProto Info(OnnxValue value)
    {
        TypeProto.Types.Tensor tensor = new() { ElemType = (int)value.ElementType, Shape = new() };
        tensor.Shape.Dim.AddRange(value.Shape.Select(d => d < 0
            ? new TensorShapeProto.Types.Dimension { DimParam = OnnxShape.Text(d) }
            : new TensorShapeProto.Types.Dimension { DimValue = d }));
        return new() { Name = value.Name, Type = new() { TensorType = tensor } };
    }

    private static AttributeProto Attribute(string name, object value)
    {
        AttributeProto attribute = new() { Name = name };
        switch (value)
        {
            case long i:
                (attribute.I, attribute.Type) = (i, AttributeType.Int);
                break;
            case float f:
                (attribute.F, attribute.Type) = (f, AttributeType.Float);
                break;
            case string s:
                (attribute.S, attribute.Type) = (ByteString.CopyFromUtf8(s), AttributeType.String);
                break;
            case long[] ints:
                attribute.Ints.AddRange(ints);
                attribute.Type = AttributeType.Ints;
                break;
            case float[] floats:
                attribute.Floats.AddRange(floats);
                attribute.Type = AttributeType.Floats;
                break;
            case OnnxGraph branch:
                (attribute.G, attribute.Type) = (branch.ToProto(name), AttributeType.Graph);
                break;
            default:
                throw new OnnxExportException($"The attribute '{name}' is a {value.GetType().Name}; attributes are long, float, string, long[] or float[].");
        }

        return attribute;
    }
}
