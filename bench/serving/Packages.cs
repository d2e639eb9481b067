using System.Security.Cryptography;
using System.Text.Json;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Networks;
using static TorchSharp.torch;

namespace Lentigo.Bench.Serving;

/// <summary>The model package that the comparison needs: the pair of the paper, ResNet-18 and MobileNetV2 at 64 px in float32.</summary>
internal static class Packages
{
    public const int PairSize = 64;

    /// <summary>Writes the package <c>pair</c>: what <c>lentigo-fast</c> is, with random weights in float32, which cost what trained ones do.</summary>
    /// <returns>The version's folder.</returns>
    public static string WritePair(string models, string folder)
    {
        ModelPackage like = ModelPackage.Open(Path.Combine(models, "lentigo-fast"));
        string version = Path.Combine(folder, "pair", like.Manifest.Version);
        Directory.CreateDirectory(version);
        string graph = Path.Combine(version, ModelManifest.OnnxFileName);
        manual_seed(1);
        OnnxEnsemble.Export(
            [.. like.Manifest.Members.Select(m =>
            {
                MemberArchitecture a = MemberRegistry.Find(m.Architecture);
                nn.Module<Tensor, Tensor> network = a.Create(LesionClasses.Count, PairSize);
                network.eval();
                return new OnnxEnsembleMember(m.Name, network, a.Mean, a.Std, m.Weight);
            })],
            graph,
            new() { InputSize = PairSize, Classes = LesionClasses.Count });
        Dictionary<string, string> files = [];
        foreach ((string name, string hash) in like.Manifest.Files)
        {
            if (name != ModelManifest.OnnxFileName)
            {
                File.Copy(Path.Combine(Path.GetDirectoryName(like.OnnxPath)!, name), Path.Combine(version, name));
                files[name] = hash;
            }
        }

        files[ModelManifest.OnnxFileName] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(graph)));
        ModelManifest manifest = like.Manifest with { Name = "pair", Precision = "float32", Temperature = 1, Suitability = null, Files = files };
        File.WriteAllText(Path.Combine(version, ModelManifest.FileName), JsonSerializer.Serialize(manifest, LentigoJson.Default.ModelManifest));
        File.WriteAllText(Path.Combine(folder, "pair", CurrentVersion.FileName), JsonSerializer.Serialize(new(manifest.Version), LentigoJson.Default.CurrentVersion));
        return version;
    }
}
