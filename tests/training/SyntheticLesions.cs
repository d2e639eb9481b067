using Lentigo.Core;
using Lentigo.Training.Data;
using NetVips;
using static TorchSharp.torch;

namespace Lentigo.Training.Tests;

/// <summary>Draws images that look a little like lesions: skin with a spot whose color, size and edge depend on the class. Ours, no patient's.</summary>
internal static class SyntheticLesions
{
    private static readonly (int R, int G, int B)[] Colors =
        [(205, 120, 110), (225, 160, 150), (150, 110, 70), (120, 70, 60), (45, 35, 40), (130, 80, 45), (170, 30, 60)];

    /// <summary>uint8 pixels [s, s, 3] of a lesion of a class; the same seed draws the same one.</summary>
    public static byte[] Draw(int label, int seed, int size)
    {
        Random random = new((seed * 31) + label);
        (int r, int g, int b) = Colors[label];
        double x0 = size * (0.4 + (0.2 * random.NextDouble())), y0 = size * (0.4 + (0.2 * random.NextDouble()));
        double radius = size * (0.15 + (0.03 * label) + (0.04 * random.NextDouble())), wobble = label == 4 ? 0.35 : 0.08, phase = random.NextDouble() * 6;
        byte[] pixels = new byte[size * size * 3];
        for (int y = 0; y < size; y++)
        {
            for (int x = 0; x < size; x++)
            {
                double angle = Math.Atan2(y - y0, x - x0), distance = Math.Sqrt(((x - x0) * (x - x0)) + ((y - y0) * (y - y0)));
                double inside = 1 / (1 + Math.Exp((distance - (radius * (1 + (wobble * Math.Sin((5 * angle) + phase))))) * 40 / size));
                double noise = (random.NextDouble() - 0.5) * 16;
                int at = ((y * size) + x) * 3;
                pixels[at] = Mix(230, r, inside, noise);
                pixels[at + 1] = Mix(190, g, inside, noise);
                pixels[at + 2] = Mix(170, b, inside, noise);
            }
        }

        return pixels;
    }

    /// <summary>A data set of as many images of each class; two of each lesion. Another first number gives other images, lesions and ids.</summary>
    public static LesionDataSet DataSet(int perClass, int size, string name = "synthetic", int first = 0)
    {
        LesionRecord[] records = [.. Enumerable.Range(first, perClass * LesionClasses.Count).Select(i => new LesionRecord(
            $"image{i:D4}", (i - first) % LesionClasses.Count, $"lesion{(i - first) % LesionClasses.Count}_{i / LesionClasses.Count / 2}", "64"))];
        return Of(name, records, [.. records.Select((r, i) => Draw(r.Label, (first + i) / LesionClasses.Count, size))], size);
    }

    /// <summary>A data set of given pixels.</summary>
    public static LesionDataSet Of(string name, IReadOnlyList<LesionRecord> records, IReadOnlyList<byte[]> images, int size)
    {
        Tensor pixels = empty([records.Count, size, size, 3], dtype: ScalarType.Byte);
        for (int i = 0; i < records.Count; i++)
        {
            using Tensor row = pixels[i];
            images[i].CopyTo(row.bytes);
        }

        return new(name, records, pixels);
    }

    /// <summary>Writes the data set as HAM10000 is distributed; another first number gives other images, lesions and ids.</summary>
    public static void WriteHam10000(string folder, int perClass, int size, string table = DataSetFiles.Ham10000FileName, int first = 0)
    {
        string part = Path.Combine(folder, "HAM10000_images_part_1");
        Directory.CreateDirectory(part);
        List<string> lines = ["lesion_id,image_id,dx,dx_type,age,sex,localization"];
        for (int i = first; i < first + (perClass * LesionClasses.Count); i++)
        {
            int label = (i - first) % LesionClasses.Count;
            WriteImage(Path.Combine(part, $"ISIC_{i:D7}.jpg"), label, i / LesionClasses.Count, size);
            lines.Add($"HAM_{i / 2:D7},ISIC_{i:D7},{LesionClasses.Codes[label]},histo,50.0,female,back");
        }

        File.WriteAllLines(Path.Combine(folder, table), lines);
    }

    /// <summary>Writes one image in the format of the file's extension; folders are created.</summary>
    public static void WriteImage(string path, int label, int seed, int size)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using Image image = Image.NewFromMemoryCopy(Draw(label, seed, size), size, size, 3, Enums.BandFormat.Uchar);
        File.WriteAllBytes(path, Path.GetExtension(path) switch { ".png" => image.PngsaveBuffer(), ".tif" => image.TiffsaveBuffer(),
            _ => image.JpegsaveBuffer(q: 95) });
    }

    private static byte Mix(int skin, int lesion, double inside, double noise) =>
        (byte)Math.Clamp((skin * (1 - inside)) + (lesion * inside) + noise, 0, 255);
}
