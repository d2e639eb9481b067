using Google.Protobuf;
using Lentigo.OnnxExport.Proto;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>What each module returned in TorchSharp, to be compared with the values of the same modules in a graph.</summary>
internal sealed class ModuleTrace : IDisposable
{
    private readonly Dictionary<nn.Module, List<Tensor>> _outputs = new(ReferenceEqualityComparer.Instance);
    private readonly List<Action> _removals = [];

    /// <summary>Records the outputs of the modules of the graph until disposed.</summary>
    public ModuleTrace(OnnxGraph graph)
    {
        foreach (nn.Module<Tensor, Tensor> module in graph.Modules.Select(m => m.Module).OfType<nn.Module<Tensor, Tensor>>().Distinct())
        {
            List<Tensor> outputs = _outputs[module] = [];
            // Copies, since a forward may go on to change what it got in place.
            var remover = module.register_forward_hook((_, _, output) =>
            {
                outputs.Add(output.detach().clone().DetachFromDisposeScope());
                return output;
            });
            _removals.Add(remover.remove);
        }
    }

    /// <summary>The first module, in the order of the graph, whose output differs; null if none does.</summary>
    /// <param name="graph">The graph.</param>
    /// <param name="path">The file of the graph.</param>
    /// <param name="input">The graph's inputs by name.</param>
    /// <param name="views">How often each network ran, on parts of the graph's batch.</param>
    public string? FirstDifference(OnnxGraph graph, string path, IReadOnlyDictionary<string, OrtValue> input, int views)
    {
        ModelProto model = OnnxFile.Read(path);
        HashSet<string> made = [.. model.Graph.Node.SelectMany(n => n.Output)];
        List<ModuleOutput> compared = [.. graph.Modules.Where(m => _outputs.ContainsKey(m.Module) && made.Contains(m.Value))];
        if (compared.Count == 0)
        {
            return null;
        }

        model.Graph.Output.Clear();
        model.Graph.Output.AddRange(compared.Select(m => m.Value).Distinct().Select(v => OnnxGraph.Info(graph.Values[v])));
        using SessionOptions options = new() { GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL };
        using InferenceSession runtime = new(model.ToByteArray(), options);
        using RunOptions run = new();
        using IDisposableReadOnlyCollection<OrtValue> outputs = runtime.Run(run, input, [.. model.Graph.Output.Select(o => o.Name)]);
        Dictionary<string, OrtValue> values = model.Graph.Output.Zip(outputs).ToDictionary(p => p.First.Name, p => p.Second);
        Dictionary<nn.Module, int> calls = new(ReferenceEqualityComparer.Instance), seen = new(ReferenceEqualityComparer.Instance);
        foreach (var module in graph.Modules)
        {
            calls[module.Module] = calls.GetValueOrDefault(module.Module) + 1;
        }

        foreach ((string modulePath, nn.Module module, string value) in graph.Modules)
        {
            int call = seen[module] = seen.GetValueOrDefault(module) + 1;
            if (!values.TryGetValue(value, out OrtValue? onnx) || _outputs[module].Count != calls[module] * views)
            {
                continue;
            }

            using Tensor torch = cat([.. Enumerable.Range(0, views).Select(v => _outputs[module][v * calls[module] + call - 1])], 0);
            try
            {
                OnnxVerification.Compare(modulePath, torch, onnx);
            }
            catch (OnnxExportException e)
            {
                return $"The first module that differs is '{modulePath}' ({module.GetType().Name}): {e.Message}";
            }
        }

        return null;
    }

    public void Dispose()
    {
        _removals.ForEach(remove => remove());
        foreach (Tensor output in _outputs.Values.SelectMany(o => o))
        {
            output.Dispose();
        }
    }
}
