using System.Diagnostics;
using System.Globalization;
using Lentigo.Bench;
using Lentigo.Core.Imaging;
using NetVips;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;
using SixLabors.ImageSharp.Processing.Processors.Transforms;
using Image = NetVips.Image;

// From a JPEG file to the pixels that a network sees, beside other decoders in turn, and what files cost that are small and unpack to 50 megapixels; two tables in markdown.
//   dotnet run --project bench/decoding -c Release -- lesion.jpg [rounds]
// The file, of 600 x 450 px or so, is enlarged for the larger sizes. 'Off' compares with the whole image decoded and resized as Pillow does: mean and largest level.
//   dotnet run --project bench/decoding -c Release -- cost <file>
// What one file costs, in a process of its own: the second table calls it.
const int Shown = 128;
if (args is ["cost", string costly])
{
    byte[] file = File.ReadAllBytes(costly);
    LesionImage.Decode(Enlarge(LesionImage.Resize(new byte[48], 4, 4, 64), 64, 64, 64, 64), Shown, new()); // the JIT's work is not the file's
    using Process self = Process.GetCurrentProcess();
    TimeSpan before = self.TotalProcessorTime;
    LesionImage.Decode(file, Shown, new());
    self.Refresh();
    string peak = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2];
    Print($"| {Path.GetFileName(costly)} | {file.Length} | {(self.TotalProcessorTime - before).TotalMilliseconds:f0} | {int.Parse(peak, CultureInfo.InvariantCulture) / 1024} |");
    return 0;
}

if (args.Length == 0)
{
    Console.Error.WriteLine("Name a JPEG file of a lesion.");
    return 2;
}

int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 7;
byte[] original = File.ReadAllBytes(args[0]);
using Image lesion = Image.NewFromBuffer(original);
byte[] lesionPixels = lesion.WriteToMemory<byte>();
(int Width, int Height)[] sizes = [(lesion.Width, lesion.Height), (1872, 1053), (4000, 3000)];
Console.WriteLine("| JPEG | to px | Lentigo, ms | libvips thumbnail | ImageSharp | Lentigo off | thumbnail off | ImageSharp off |");
Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- |");
foreach ((int width, int height) in sizes)
{
    byte[] file = width == lesion.Width ? original : Enlarge(lesionPixels, lesion.Width, lesion.Height, width, height);
    using Image whole = Image.JpegloadBuffer(file);
    byte[] pixels = whole.WriteToMemory<byte>();
    foreach (int size in (int[])[64, Shown, 224])
    {
        byte[] reference = LesionImage.Resize(pixels, width, height, size);
        Func<byte[]>[] decoders = [() => LesionImage.Decode(file, size, new()), () => Thumbnail(file, size), () => Managed(file, size)];
        double[][] speeds = Timing.InTurn([.. decoders.Select(d => (Action)(() => d()))], rounds);
        string[] milliseconds = [.. speeds.Select(own => (1000 / Timing.Median(own)).ToString("f2", CultureInfo.InvariantCulture))];
        string[] off = [.. decoders.Select(d => Off(reference, d()))];
        Print($"| {width} x {height}, {file.Length / 1000} kB | {size} | {string.Join(" | ", milliseconds)} | {string.Join(" | ", off)} |");
    }
}

Console.WriteLine();
Console.WriteLine("| file | bytes | CPU, ms | peak memory of the process, MB |");
Console.WriteLine("| --- | --- | --- | --- |");
string folder = Directory.CreateTempSubdirectory("lentigo-decoding-bench-").FullName;
try
{
    foreach ((string name, byte[] file) in Bombs())
    {
        string path = Path.Combine(folder, name);
        File.WriteAllBytes(path, file);
        using Process process = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, Environment.ProcessPath!.EndsWith("dotnet", StringComparison.Ordinal) ? [typeof(Timing).Assembly.Location, "cost", path] : ["cost", path]))!;
        process.WaitForExit();
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

return 0;

static void Print(FormattableString line) => Console.WriteLine(line.ToString(CultureInfo.InvariantCulture));

static string Off(byte[] reference, byte[] pixels)
{
    int[] differences = [.. reference.Zip(pixels, (r, p) => Math.Abs(r - p))];
    return string.Create(CultureInfo.InvariantCulture, $"{differences.Average():f3}, {differences.Max()}");
}

// What most services do with libvips; its kernel is Lanczos.
static byte[] Thumbnail(byte[] file, int size)
{
    using Image small = Image.ThumbnailBuffer(file, size, height: size, size: Enums.Size.Force, failOn: Enums.FailOn.Error);
    return small.WriteToMemory<byte>();
}

static byte[] Managed(byte[] file, int size)
{
    using Image<Rgb24> image = SixLabors.ImageSharp.Image.Load<Rgb24>(file);
    image.Mutate(c => c.Resize(new ResizeOptions { Size = new(size, size), Mode = ResizeMode.Stretch, Sampler = new TriangleResampler() }));
    byte[] pixels = new byte[size * size * 3];
    image.CopyPixelDataTo(pixels);
    return pixels;
}

// Enlarged, with grain: a smooth picture would be too easy to compress.
static byte[] Enlarge(byte[] pixels, int fromWidth, int fromHeight, int width, int height)
{
    using Image small = Image.NewFromMemoryCopy(pixels, fromWidth, fromHeight, 3, Enums.BandFormat.Uchar);
    using Image large = small.Resize((double)width / fromWidth, kernel: Enums.Kernel.Cubic, vscale: (double)height / fromHeight);
    using Image grain = Image.Gaussnoise(width, height, sigma: 4, mean: 0, seed: 1);
    using Image picture = (large + grain).Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    return picture.JpegsaveBuffer(q: 90);
}

static IEnumerable<(string Name, byte[] File)> Bombs()
{
    const int side = 7000;
    using Image flat = Image.Black(side, side, bands: 3).Linear([1, 1, 1], [200, 150, 120]).Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    using Image wide = flat.Crop(0, 0, side, 3100).Embed(0, 0, 16000, 3100, extend: Enums.Extend.Copy);
    using Image bits = flat.Colourspace(Enums.Interpretation.Bw);
    yield return ("lossless-16000x3100.webp", wide.WebpsaveBuffer(lossless: true, effort: 0));
    yield return ("lossy-16000x3100.webp", wide.WebpsaveBuffer(q: 80, effort: 0));
    yield return ("bits-7000x7000.png", bits.PngsaveBuffer(bitdepth: 1, compression: 9));
    yield return ("group4-7000x7000.tif", bits.TiffsaveBuffer(compression: Enums.ForeignTiffCompression.Ccittfax4, bitdepth: 1));
    yield return ("interlaced-7000x7000.png", flat.PngsaveBuffer(interlace: true));
    yield return ("baseline-7000x7000.jpg", flat.JpegsaveBuffer(q: 90));
    yield return ("progressive-7000x7000.jpg", flat.JpegsaveBuffer(q: 90, interlace: true, subsampleMode: Enums.ForeignSubsample.On));
    yield return ("progressive-444-7000x7000.jpg", flat.JpegsaveBuffer(q: 90, interlace: true, subsampleMode: Enums.ForeignSubsample.Off));
}
