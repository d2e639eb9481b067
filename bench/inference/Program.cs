using System.Globalization;
using Lentigo.Bench;
using Lentigo.Core;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Networks;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

// What classifying with a model package costs, against the pair of the paper: ResNet-18 and MobileNetV2 at 64 px, float32, each image seen as it is.
//   dotnet run --project bench/inference -c Release -- models/lentigo [more packages]
//   dotnet run --project bench/inference -c Release -- explain
// What an explanation costs: the pair at 128 px without the option, with it but not asked, and asked.
const int Rounds = 9, ExplainRounds = 25, Threads = 2, ExplainedSize = 128;
int[] batches = [1, 16];
string[] explained = ["without the option", "not asked", "asked"];
if (args.Length == 0)
{
    Console.Error.WriteLine("Name the packages, e.g. models/lentigo, or 'explain'.");
    return 2;
}

string folder = Directory.CreateTempSubdirectory("lentigo-inference-bench-").FullName;
try
{
    if (args is ["explain"])
    {
        string with = ExportPair(folder, ExplainedSize, explanation: true), without = ExportPair(folder, ExplainedSize);
        using SessionOptions both = new() { IntraOpNumThreads = Threads };
        using InferenceSession explaining = new(with, both), plain = new(without, both);
        Console.WriteLine($"ResNet-18 + MobileNetV2 at {ExplainedSize} px on {Threads} threads, random pixels, median of {ExplainRounds} rounds in turn; {new FileInfo(without).Length} and {new FileInfo(with).Length} bytes.");
        foreach (int batch in batches)
        {
            double[][] speeds = Timing.InTurn(
                [Classification(plain, batch, ExplainedSize), Classification(explaining, batch, ExplainedSize), Classification(explaining, batch, ExplainedSize, explain: -2)], ExplainRounds);
            foreach ((string name, double[] own) in explained.Zip(speeds))
            {
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-20} {batch,6} {1000 / Timing.Median(own) / batch,12:f2} ms {Timing.Median([.. speeds[0].Zip(own, (p, o) => p / o)]),8:f3} x"));
            }
        }

        return 0;
    }

    List<(string Name, string Onnx, int Size)> graphs = [("pair of the paper", ExportPair(folder, 64), 64)];
    graphs.AddRange(args.Select(ModelPackage.Open).Select(p => ($"{p.Manifest.Name} {p.Manifest.Version}", p.OnnxPath, p.Manifest.Input.Size)));
    Console.WriteLine($"ONNX Runtime on {Threads} threads, random pixels, median of {Rounds} rounds in turn.");
    Console.WriteLine($"{"package",-40} {"MB",6} {"batch",6} {"ms an image",12} {"x the pair",11}");
    using SessionOptions options = new() { IntraOpNumThreads = Threads };
    InferenceSession[] sessions = [.. graphs.Select(g => new InferenceSession(g.Onnx, options))];
    var unexplained = sessions.Zip(graphs).Select(g => (Session: g.First, Graph: g.Second, Explain: (long?)null));
    var measured = unexplained.Concat(unexplained.Where(g => g.Session.OverridableInitializerMetadata.ContainsKey("explain")).Select(g => g with { Explain = -2 })).ToArray();
    foreach (int batch in batches)
    {
        double[][] speeds = Timing.InTurn([.. measured.Select(m => Classification(m.Session, batch, m.Graph.Size, m.Explain))], Rounds);

        // Ratios are taken round by round: all graphs of one saw the same machine.
        foreach (((_, (string name, string onnx, _), long? explain), double[] own) in measured.Zip(speeds))
        {
            string what = explain is null ? name : $"{name}, heat maps";
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what,-40} {new FileInfo(onnx).Length / 1e6,6:f1} {batch,6} {1000 / Timing.Median(own) / batch,12:f2} {Timing.Median([.. speeds[0].Zip(own, (pair, o) => pair / o)]),11:f2}"));
        }
    }

    Array.ForEach(sessions, s => s.Dispose());
    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

// Random weights: they do not change what a graph costs.
static string ExportPair(string folder, int size, bool explanation = false)
{
    manual_seed(1);
    string path = Path.Combine(folder, $"pair{size}{explanation}.onnx");
    MemberArchitecture[] pair = [MemberRegistry.Find("resnet18"), MemberRegistry.Find("mobilenet_v2")];
    OnnxEnsemble.Export(
        [.. pair.Select(a =>
        {
            nn.Module<Tensor, Tensor> network = a.Create(LesionClasses.Count, size);
            network.eval();
            return new OnnxEnsembleMember(a.Name, network, a.Mean, a.Std, 0.5);
        })],
        path,
        new() { InputSize = size, Classes = LesionClasses.Count, Explanation = explanation });
    return path;
}

// Classifies one batch of random pixels.
static Action Classification(InferenceSession session, int batch, int size, long? explain = null)
{
    byte[] pixels = new byte[batch * size * size * 3];
    new Random(1).NextBytes(pixels);
    return () =>
    {
        using OrtValue image = OrtValue.CreateTensorValueFromMemory(pixels, [batch, size, size, 3]);
        using RunOptions run = new();
        if (explain is null)
        {
            session.Run(run, ["image"], [image], ["probabilities"]).Dispose();
            return;
        }

        using OrtValue asked = OrtValue.CreateTensorValueFromMemory(new[] { explain.Value }, [1]);
        session.Run(run, ["image", "explain"], [image, asked], ["probabilities", "heatmaps"]).Dispose();
    };
}
