using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.OnnxExport;

/// <summary>What must be so of a network before it is exported.</summary>
internal static class ModuleCheck
{
    /// <exception cref="OnnxExportException">The network is in training, elsewhere than on the CPU, not of float32, tied or holds NaN; the message names the module.</exception>
    public static void Check(nn.Module root, string name, bool allowTiedWeights)
    {
        Dictionary<IntPtr, string> seen = [];
        HashSet<nn.Module> checkedModules = new(ReferenceEqualityComparer.Instance);
        foreach ((string path, nn.Module module) in root.named_modules().Prepend(("", root)))
        {
            if (!checkedModules.Add(module))
            {
                continue;
            }

            string where = path.Length == 0 ? name : $"{name}.{path}";
            if (module.training)
            {
                throw new OnnxExportException($"The module '{where}' ({module.GetType().Name}) is in training mode, in which dropout and batch normalization do not do what they do in use. Call eval() on the network first.");
            }

            foreach ((string parameterName, Tensor parameter) in module.named_parameters(recurse: false).Select(p => (p.name, (Tensor)p.parameter)).Concat(module.named_buffers(recurse: false).Select(b => (b.name, b.buffer))))
            {
                string what = $"{where}.{parameterName}";
                Check(parameter, what);
                if (!allowTiedWeights && !seen.TryAdd(parameter.Handle, what))
                {
                    throw new OnnxExportException(
                        $"The parameter '{what}' is tied to '{seen[parameter.Handle]}'. An ONNX file would hold them apart, so that whoever changes one would not change the other. "
                        + "Set AllowTiedWeights = true if the file is only to be run, or give the modules weights of their own.");
                }
            }
        }
    }

    public static void Check(Tensor parameter, string name)
    {
        if (parameter.device_type != DeviceType.CPU)
        {
            throw new OnnxExportException($"The parameter '{name}' is on {parameter.device}. Move the network to the CPU before exporting it: network.cpu().");
        }

        if (parameter.dtype is not (ScalarType.Float32 or ScalarType.Int64))
        {
            throw new OnnxExportException($"The parameter '{name}' is of {parameter.dtype}; networks are exported from float32. Convert the network before: network.to(ScalarType.Float32).");
        }

        if (parameter.dtype == ScalarType.Float32)
        {
            using DisposeScope scope = NewDisposeScope();
            if (!parameter.detach().isfinite().all().item<bool>())
            {
                throw new OnnxExportException($"The parameter '{name}' holds NaN or infinity, so its network answers nothing. Train it again, or load another checkpoint.");
            }
        }
    }
}
