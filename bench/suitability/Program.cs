using System.Globalization;
using Lentigo.Bench.Suitability;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using NetVips;

// How well a package tells dermoscopy images from other pictures: the share refused and warned about, and the area under the ROC curve of its suitability.
//   dotnet run --project bench/suitability -c Release -- models/lentigo <folder of dermoscopy images> [folder of other pictures]
const int Each = 60, Known = 1000;
if (args.Length is < 2 or > 3)
{
    Console.Error.WriteLine("Name a package, a folder of dermoscopy images and, if there is one, a folder of other pictures.");
    return 2;
}

using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(args[0]), new() { Device = InferenceDevice.Cpu });
if (model.Manifest.Suitability is not { } limits)
{
    Console.Error.WriteLine($"{model.Manifest.Name} {model.Manifest.Version} does not say what a dermoscopy image is.");
    return 1;
}

ImageLimits sizes = new();
Console.WriteLine($"{model.Manifest.Name} {model.Manifest.Version}: warning below {F(limits.WarnBelow)}, refusal below {F(limits.RefuseBelow)}.");
Console.WriteLine("| pictures | number | refused | warned about | median suitability |");
Console.WriteLine("| --- | --- | --- | --- | --- |");
double[] real = Row(Path.GetFileName(Path.TrimEndingDirectorySeparator(args[1])), Files(args[1]).Select(File.ReadAllBytes));
List<double> other = [];
foreach ((string kind, Func<Random, Image> draw) in Pictures.Kinds)
{
    other.AddRange(Row(kind, Enumerable.Range(0, Each).Select(seed => Drawn(draw, seed))));
}

other.AddRange(Row("white, black, 1 x 1 px", [Plain(255), Plain(0), Plain(127, side: 1)]));
if (args.Length == 3)
{
    other.AddRange(Row(Path.GetFileName(Path.TrimEndingDirectorySeparator(args[2])), Files(args[2]).Select(File.ReadAllBytes)));
}

double auc = RocCurve.Compute([.. real.Select(_ => true), .. other.Select(_ => false)], [.. real, .. other])!.Area;
Console.WriteLine($"\nArea under the ROC curve, {real.Length} dermoscopy images against {other.Count} others: {auc.ToString("0.0000", CultureInfo.InvariantCulture)}.");
return 0;

double[] Row(string name, IEnumerable<byte[]> files)
{
    double[] scores = [.. files.Select(Score).OfType<double>()];
    double[] sorted = [.. scores.Order()];
    Console.WriteLine($"| {name} | {scores.Length} | {scores.Count(s => s < limits.RefuseBelow)} | {scores.Count(s => s >= limits.RefuseBelow && s < limits.WarnBelow)} | {(sorted.Length == 0 ? "-" : sorted[sorted.Length / 2].ToString("0.0000", CultureInfo.InvariantCulture))} |");
    return scores;
}

double? Score(byte[] file)
{
    try
    {
        return model.Classify(LesionImage.Read(file, model.Manifest.Input.Size, sizes).Pixels, 1).Suitability(0);
    }
    catch (ImageRejectedException)
    {
        return 0; // refused before the networks see it
    }
}

static IEnumerable<string> Files(string folder) =>
    Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(f => Path.GetExtension(f).ToLowerInvariant() is ".jpg" or ".jpeg" or ".png" or ".webp").Order(StringComparer.Ordinal).Take(Known);

static byte[] Drawn(Func<Random, Image> draw, int seed)
{
    using Image picture = draw(new(seed));
    return picture.JpegsaveBuffer(q: 90);
}

static byte[] Plain(int level, int side = 400)
{
    using Image picture = (Image.Black(side, side, bands: 3) + level).Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    return picture.PngsaveBuffer();
}

static string F(double value) => value.ToString("0.0000", CultureInfo.InvariantCulture);
