using Lentigo.Core.Imaging;
using Lentigo.Core.Models;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;
using SixLabors.ImageSharp.Processing;

namespace Lentigo.Core.Predictions;

/// <summary>Draws Grad-CAM maps as an overlay on the image.</summary>
internal static class HeatmapPicture
{
    /// <summary>The longer side of the picture in pixels.</summary>
    private const int LongerSide = 448;

    /// <summary>The opacity of the overlay at the maximum of the map, 0 to 1.</summary>
    private const float Strongest = 0.6f;

    /// <summary>Averages the members' maps and draws the result over the image.</summary>
    /// <param name="maps">[members][h][w], non-negative.</param>
    /// <param name="manifest">The manifest, with the members' names and weights.</param>
    /// <param name="image">The image.</param>
    /// <param name="code">The code of the class that the maps explain.</param>
    public static Explanation Explain(float[][][] maps, ModelManifest manifest, DecodedImage image, string code)
    {
        double[][][] scaled = [.. maps.Select(map => ToOne([.. map.Select(row => row.Select(v => (double)v).ToArray())]))];
        double[][] joined = ToOne([.. scaled[0]
            .Select((row, y) => row.Select((_, x) => scaled.Select((map, k) => manifest.Members[k].Weight * map[y][x]).Sum()).ToArray())]);
        return new(code, joined, manifest.Members.Select((m, k) => (m.Name, k)).ToDictionary(m => m.Name, m => scaled[m.k]), Draw(joined, image));
    }

    /// <summary>Divides a map by its maximum; a map of zeros is returned unchanged.</summary>
    private static double[][] ToOne(double[][] map)
    {
        double most = map.Max(row => row.Max());
        return most > 0 ? [.. map.Select(row => row.Select(v => Math.Round(v / most, 4)).ToArray())] : map;
    }

    private static string Draw(double[][] map, DecodedImage image)
    {
        double scale = (double)LongerSide / Math.Max(image.Width, image.Height);
        (int width, int height) = (Math.Max(1, (int)Math.Round(image.Width * scale)), Math.Max(1, (int)Math.Round(image.Height * scale)));
        using Image<Rgb24> picture = Image.LoadPixelData<Rgb24>(image.Pixels, image.Size, image.Size);
        using Image<L16> heat = new(map[0].Length, map.Length);
        for (int y = 0; y < heat.Height; y++)
        {
            for (int x = 0; x < heat.Width; x++)
            {
                heat[x, y] = new((ushort)(map[y][x] * ushort.MaxValue));
            }
        }

        picture.Mutate(p => p.Resize(width, height, KnownResamplers.Triangle));
        heat.Mutate(h => h.Resize(width, height, KnownResamplers.Triangle));
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                float value = heat[x, y].PackedValue / (float)ushort.MaxValue, cover = Strongest * value;
                (float red, float green, float blue) = Colour(value);
                Rgb24 under = picture[x, y];
                picture[x, y] = new(Mixed(under.R, red, cover), Mixed(under.G, green, cover), Mixed(under.B, blue, cover));
            }
        }

        using MemoryStream png = new();
        picture.SaveAsPng(png);
        return $"data:image/png;base64,{Convert.ToBase64String(png.GetBuffer(), 0, (int)png.Length)}";
    }

    private static byte Mixed(byte under, float colour, float cover) => (byte)Math.Round((under * (1 - cover)) + (255 * colour * cover));

    /// <summary>The color scale: blue, green, red; distinct from the browns of skin.</summary>
    private static (float Red, float Green, float Blue) Colour(float value) => value < 0.5f
        ? (0, 2 * value, 1 - (2 * value))
        : ((2 * value) - 1, 2 - (2 * value), 0);
}
