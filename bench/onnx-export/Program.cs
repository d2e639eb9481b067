using System.Globalization;
using Lentigo.Bench;
using Lentigo.Core;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Trainers;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

// Float16 and int8 graphs against float32: throughput in alternating runs, file sizes, and, of trained members, accuracy on the validation images.
//   dotnet run --project bench/onnx-export -c Release -- [networks] [rounds]                        random weights, speed and size
//   dotnet run --project bench/onnx-export -c Release -- --run <folder> --data <data set> [rounds]  trained members, with accuracy
// A run is a folder that was given to train --out; the split is the default one, by lesion.
const int Batch = 16, CalibrationImages = 256, Threads = 2;
string? run = Option("--run"), dataPath = Option("--data");
string[] rest = [.. args.Where((a, i) => !a.StartsWith("--", StringComparison.Ordinal) && (i == 0 || !args[i - 1].StartsWith("--", StringComparison.Ordinal)))];
int rounds = int.Parse(rest.FirstOrDefault(a => a.All(char.IsAsciiDigit)) ?? "9", CultureInfo.InvariantCulture);
if ((run is null) != (dataPath is null))
{
    Console.Error.WriteLine("Give --run and --data together.");
    return 2;
}

string folder = Directory.CreateTempSubdirectory("onnx-export-bench-").FullName;
try
{
    manual_seed(1);
    LesionDataSet? data = null;
    int size = 64;
    List<(string Name, OnnxEnsembleMember Member)> members = [];
    if (run is not null)
    {
        IReadOnlyList<TrainedMember> trained = TrainedMember.LoadAll([run]);
        size = trained[0].State.Recipe.Size;
        members.AddRange(trained.Select(m => (m.Name, new OnnxEnsembleMember(m.Name, m.Network, m.Architecture.Mean, m.Architecture.Std, 1))));
        data = DataSets.Open(dataPath!, size, skipMissing: true, Console.WriteLine);
    }
    else
    {
        string[] names = rest.FirstOrDefault(a => !a.All(char.IsAsciiDigit))?.Split(',') ?? [.. MemberRegistry.All.Select(a => a.Name)];
        foreach (MemberArchitecture architecture in names.Select(MemberRegistry.Find))
        {
            nn.Module<Tensor, Tensor> network = architecture.Create(LesionClasses.Count, size);
            network.eval();
            members.Add((architecture.Name, new(architecture.Name, network, architecture.Mean, architecture.Std, 1)));
        }
    }

    DataSetSplit? split = data is null ? null : DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
    using Tensor calibration = data is null ? randint(0, 256, [CalibrationImages, size, size, 3], dtype: ScalarType.Byte) : Images(data, Spread(split!.Train, CalibrationImages));
    Console.WriteLine($"ONNX Runtime on {Threads} threads, batches of {Batch} images of {size} px, median of {rounds} rounds in turn{(split is null ? "; random weights, no accuracy" : $"; accuracy on {split.Val.Count} validation images")}.");
    Console.WriteLine($"{"member",-18} {"precision",-9} {"MB",7} {"of float32",10} {"images/s",9} {"x float32",9} {"accuracy",9} {"points lost",11} {"same class",10}");
    foreach ((string name, OnnxEnsembleMember member) in members)
    {
        OnnxPrecision[] precisions = [OnnxPrecision.Float32, OnnxPrecision.Float16, OnnxPrecision.Int8];
        Dictionary<OnnxPrecision, InferenceSession> sessions = [];
        Dictionary<OnnxPrecision, long> bytes = [];
        foreach (OnnxPrecision precision in precisions)
        {
            string path = Path.Combine(folder, $"{precision}.onnx");
            OnnxEnsemble.Export([member], path, new() { InputSize = size, Classes = LesionClasses.Count, Precision = precision, CalibrationImages = calibration });
            bytes[precision] = new FileInfo(path).Length;
            using SessionOptions options = new() { IntraOpNumThreads = Threads };
            sessions[precision] = new(path, options);
        }

        byte[] batch = calibration[..Batch].contiguous().data<byte>().ToArray();
        double[][] turns = Timing.InTurn([.. precisions.Select(p => (Action)(() => Run(sessions[p], batch, Batch)))], rounds);
        Dictionary<OnnxPrecision, double[]> speeds = precisions.Zip(turns, (p, perSecond) => (p, speeds: perSecond.Select(s => s * Batch).ToArray())).ToDictionary(s => s.p, s => s.speeds);

        Dictionary<OnnxPrecision, int[]> answers = data is null ? [] : precisions.ToDictionary(p => p, p => Answers(sessions[p], data, split!.Val));
        foreach (OnnxPrecision precision in precisions)
        {
            double speed = Timing.Median(speeds[precision]), ratio = Timing.Median([.. speeds[precision].Zip(speeds[OnnxPrecision.Float32], (a, b) => a / b)]);
            string accuracy = "";
            if (data is not null)
            {
                double Accuracy(OnnxPrecision p) => split!.Val.Select((image, i) => data.Records[image].Label == answers[p][i] ? 100.0 : 0).Average();
                double same = answers[precision].Zip(answers[OnnxPrecision.Float32], (a, b) => a == b ? 100.0 : 0).Average();
                accuracy = $"{Accuracy(precision),8:f2}% {Accuracy(OnnxPrecision.Float32) - Accuracy(precision),11:f2} {same,9:f2}%";
            }

            Console.WriteLine($"{name,-18} {precision,-9} {bytes[precision] / 1e6,7:f2} {(double)bytes[precision] / bytes[OnnxPrecision.Float32],10:f3} {speed,9:f0} {ratio,9:f2} {accuracy}");
        }

        foreach (InferenceSession session in sessions.Values)
        {
            session.Dispose();
        }
    }

    data?.Dispose();
    return 0;
}
finally
{
    Directory.Delete(folder, recursive: true);
}

string? Option(string name) => Array.IndexOf(args, name) is >= 0 and int at && at + 1 < args.Length ? args[at + 1] : null;

static Tensor Images(LesionDataSet data, IReadOnlyList<int> images) => data.Pixels.index_select(0, tensor(images.Select(i => (long)i).ToArray()));

static IReadOnlyList<int> Spread(IReadOnlyList<int> images, int count) => [.. Enumerable.Range(0, Math.Min(count, images.Count)).Select(i => images[(int)((long)i * images.Count / Math.Min(count, images.Count))])];

static float[] Run(InferenceSession session, byte[] pixels, int count)
{
    int size = (int)Math.Sqrt(pixels.Length / 3.0 / count);
    using OrtValue image = OrtValue.CreateTensorValueFromMemory(pixels, [count, size, size, 3]);
    using RunOptions options = new();
    using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["image"], [image], ["logits"]);
    return outputs[0].GetTensorDataAsSpan<float>().ToArray();
}

static int[] Answers(InferenceSession session, LesionDataSet data, IReadOnlyList<int> images) => [.. images.Chunk(Batch).SelectMany(chunk =>
{
    using Tensor pixels = Images(data, chunk);
    return Run(session, pixels.contiguous().data<byte>().ToArray(), chunk.Length).Chunk(LesionClasses.Count).Select(logits => Array.IndexOf(logits, logits.Max()));
})];
