using System.Globalization;
using Lentigo.Core;
using Lentigo.OnnxExport;
using Lentigo.Training;
using Lentigo.Training.Data;
using Lentigo.Training.Networks;
using Lentigo.Training.Recipes;
using Lentigo.Training.Trainers;
using Lentigo.Training.Weights;
using Microsoft.ML.OnnxRuntime;
using static TorchSharp.torch;

// Whether heat maps point at what a network looks for. Photographs of lesions get a random label and a disc whose color alone tells it; the pair learns to
// tell the discs, and Grad-CAM, out of the exported graph, has to show them: the energy-based pointing game (Wang et al. 2020, arXiv:1910.01279).
//   dotnet run --project bench/explanation -c Release -- ham10000-160 weights
const int Size = 128, Images = 1200, Validation = 300, Diameter = Size / 4;
(byte R, byte G, byte B)[] colors = [(20, 60, 230), (20, 200, 60), (240, 230, 30), (150, 30, 200), (20, 210, 220), (250, 250, 250), (10, 10, 10)];
if (args.Length != 2)
{
    Console.Error.WriteLine("Name a data set, such as ham10000-160, and the folder of start weights.");
    return 2;
}

NativeTuning.Apply();
Random random = new(1);
(LesionDataSet data, (int X, int Y)[] cues) = Planted(args[0]);
using (data)
{
    DataSetSplit split = new(SplitKind.Image, [.. Enumerable.Range(Validation, Images - Validation)], [.. Enumerable.Range(0, Validation)], "planted");
    TrainingRecipe recipe = new() { Size = Size, Epochs = 3, BatchSize = 32, LearningRate = 3e-4, Rotation = 0, Brightness = 0, Contrast = 0, Saturation = 0, SelectOn = TrainingRecipe.KeepLast };
    DirectoryInfo folder = Directory.CreateTempSubdirectory("lentigo-explanation-");
    try
    {
        Trainer trainer = new(TrainingImages.Of(data, split, [], Console.Error.WriteLine), recipe, CPU);
        List<OnnxEnsembleMember> members = [];
        foreach (MemberSpec spec in MemberSpec.Parse("resnet18,mobilenet_v2", seed: 1))
        {
            trainer.Train(spec, StartWeights.Find(args[1], spec), folder.FullName, resume: false, new Epochs(), CancellationToken.None);
            (nn.Module<Tensor, Tensor> network, _) = Checkpoint.LoadBest(RunFiles.BestPath(folder.FullName, spec.Name));
            members.Add(new(spec.Name, network, spec.Architecture.Mean, spec.Architecture.Std, 0.5));
        }

        string onnx = Path.Combine(folder.FullName, "pair.onnx");
        OnnxEnsemble.Export(members, onnx, new() { InputSize = Size, Classes = LesionClasses.Count, Features = true, Explanation = true });
        Report(onnx, [.. members.Select(m => m.Name)]);
    }
    finally
    {
        folder.Delete(recursive: true);
    }
}

return 0;

// The data set, and the upper left corner of the square around each image's disc.
(LesionDataSet Data, (int X, int Y)[] Cues) Planted(string path)
{
    using LesionDataSet photographs = DataSets.Open(path, Size, skipMissing: false, Console.Error.WriteLine, new(PixelCache.UserFolder));
    int[] chosen = [.. Enumerable.Range(0, photographs.Count)];
    random.Shuffle(chosen);
    Tensor pixels = photographs.Pixels.index_select(0, tensor([.. chosen.Take(Images).Select(i => (long)i)], dtype: ScalarType.Int64)).clone();
    LesionRecord[] records = [.. Enumerable.Range(0, Images).Select(i => new LesionRecord($"planted{i:D4}", random.Next(LesionClasses.Count), null, $"{Size}"))];
    (int X, int Y)[] corners = [.. records.Select(_ => (random.Next(Size - Diameter + 1), random.Next(Size - Diameter + 1)))];
    for (int i = 0; i < Images; i++)
    {
        using Tensor image = pixels[i];
        Span<byte> bytes = image.bytes;
        (byte r, byte g, byte b) = colors[records[i].Label];
        for (int y = 0; y < Diameter; y++)
        {
            for (int x = 0; x < Diameter; x++)
            {
                double dx = x - ((Diameter - 1) / 2.0), dy = y - ((Diameter - 1) / 2.0);
                if ((dx * dx) + (dy * dy) <= Diameter * Diameter / 4.0)
                {
                    int at = 3 * (((corners[i].Y + y) * Size) + corners[i].X + x);
                    (bytes[at], bytes[at + 1], bytes[at + 2]) = (r, g, b);
                }
            }
        }
    }

    return (new("planted", records, pixels), corners);
}

void Report(string onnx, IReadOnlyList<string> names)
{
    using InferenceSession session = new(onnx);
    List<string> rows = [.. names, "both, as answers join them"];
    List<double>[] shares = [.. rows.Select(_ => new List<double>())];
    int[] hits = new int[rows.Count];
    int right = 0;
    for (int i = 0; i < Validation; i++)
    {
        (float[] logits, float[] maps, int side) = Run(session, data.PixelsOf(i));
        if (Array.IndexOf(logits, logits.Max()) != data.Records[i].Label)
        {
            continue;
        }

        right++;
        float[][] members = [.. maps.Chunk(side * side).Select(map => map.Max() is > 0 and float most ? [.. map.Select(v => v / most)] : map)];
        float[][] all = [.. members, [.. Enumerable.Range(0, side * side).Select(k => members.Average(m => m[k]))]];
        for (int k = 0; k < all.Length; k++)
        {
            shares[k].Add(ShareOnCue(all[k], side, cues[i]));
            int strongest = Array.IndexOf(all[k], all[k].Max());
            hits[k] += IsOnCue(strongest % side, strongest / side, side, cues[i]) ? 1 : 0;
        }
    }

    Console.WriteLine($"{right} of {Validation} validation images are told right; of these, the heat map of the first answer:");
    Console.WriteLine("| map | strongest cell on the cue | more than half of the map on the cue | mean share on the cue | share of the area |");
    Console.WriteLine("| --- | --- | --- | --- | --- |");
    double area = Math.Pow((double)Diameter / Size, 2);
    for (int k = 0; k < rows.Count; k++)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {rows[k]} | {(double)hits[k] / right:f3} | {shares[k].Count(s => s > 0.5) / (double)right:f3} | {shares[k].Average():f3} | {area:f3} |"));
    }
}

static (float[] Logits, float[] Maps, int Side) Run(InferenceSession session, byte[] pixels)
{
    using OrtValue image = OrtValue.CreateTensorValueFromMemory(pixels, [1, Size, Size, 3]), first = OrtValue.CreateTensorValueFromMemory(new[] { -2L }, [1]);
    using RunOptions options = new();
    using IDisposableReadOnlyCollection<OrtValue> outputs = session.Run(options, ["image", "explain"], [image, first], ["logits", "heatmaps"]);
    return ([.. outputs[0].GetTensorDataAsSpan<float>()], [.. outputs[1].GetTensorDataAsSpan<float>()], (int)outputs[1].GetTensorTypeAndShape().Shape[3]);
}

static double ShareOnCue(float[] map, int side, (int X, int Y) cue)
{
    double sum = map.Sum(v => (double)v);
    return sum == 0 ? 0 : map.Where((_, k) => IsOnCue(k % side, k / side, side, cue)).Sum(v => (double)v) / sum;
}

// A cell belongs to the cue if it overlaps the square around the disc.
static bool IsOnCue(int column, int row, int side, (int X, int Y) cue)
{
    int cell = Size / side;
    return ((column + 1) * cell) > cue.X && column * cell < cue.X + Diameter && ((row + 1) * cell) > cue.Y && row * cell < cue.Y + Diameter;
}

/// <summary>Prints a line for each epoch.</summary>
internal sealed class Epochs : ITrainingListener
{
    public void OnStart(string member, StartWeightsReport? weights, int resumedEpoch)
    {
    }

    public void OnProgress(TrainingProgress progress)
    {
    }

    public void OnEpoch(EpochRecord epoch) => Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{epoch.Member}, epoch {epoch.Epoch}: validation accuracy {epoch.Val.Accuracy:f3}"));
}
