using NetVips;

namespace Lentigo.Bench.Suitability;

/// <summary>Pictures that are no dermoscopy images, drawn anew from a seed.</summary>
internal static class Pictures
{
    private const int Width = 600, Height = 450;

    /// <summary>The kinds, each with what draws one.</summary>
    public static IReadOnlyDictionary<string, Func<Random, Image>> Kinds { get; } = new Dictionary<string, Func<Random, Image>>
    {
        ["flat colours"] = random => Flat(Colour(random)),
        ["gradients"] = Gradient,
        ["noise"] = Noise,
        ["pages of text"] = Text,
        ["screenshots"] = Screenshot,
        ["landscapes"] = Landscape,
        ["X-ray-like"] = XRay,
        ["histology-like"] = Histology,
        ["skin without a lesion"] = Skin,
        ["stripes and checks"] = Stripes,
    };

    private static Image Flat(double[] colour) => (Image.Black(Width, Height, bands: 3) + colour).Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);

    private static double[] Colour(Random random) => [random.Next(256), random.Next(256), random.Next(256)];

    private static Image Finish(Image picture) => picture.Cast(Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);

    /// <summary>One band, 0 to 1, that rises along a random direction.</summary>
    private static Image Ramp(Random random)
    {
        double angle = random.NextDouble() * Math.Tau;
        using Image xy = Image.Xyz(Width, Height);
        Image ramp = ((xy[0] - (Width / 2.0)) * Math.Cos(angle)) + ((xy[1] - (Height / 2.0)) * Math.Sin(angle));
        return (ramp / Math.Sqrt((Width * Width) + (Height * Height))) + 0.5;
    }

    /// <summary>One band of clouds, about 0 to 1.</summary>
    private static Image Clouds(Random random, int cell) => (Image.Perlin(Width, Height, cellSize: cell, seed: random.Next()) + 1) / 2;

    private static Image Blend(Image share, double[] low, double[] high) => Image.Black(Width, Height, bands: 3) + (share * high.Zip(low, (h, l) => h - l).ToArray()) + low;

    private static Image Gradient(Random random) => Finish(Blend(Ramp(random), Colour(random), Colour(random)));

    private static Image Noise(Random random)
    {
        double sigma = 10 + (random.NextDouble() * 80);
        Image Band() => Image.Gaussnoise(Width, Height, mean: random.Next(60, 200), sigma: sigma, seed: random.Next());
        Image grey = Band();
        Image noise = random.Next(2) == 0 ? grey.Bandjoin(grey, grey) : Band().Bandjoin(Band(), Band());
        return Finish(random.Next(3) == 0 ? noise.Gaussblur(1 + (random.NextDouble() * 3)) : noise);
    }

    private static Image Text(Random random)
    {
        string[] words = ["Invoice", "patient", "date", "total", "the", "of", "referral", "12.50", "EUR", "lesion", "follow-up", "street", "and", "is", "2026", "name"];
        string text = string.Join(' ', Enumerable.Range(0, 60 + random.Next(160)).Select(_ => words[random.Next(words.Length)] + (random.Next(12) == 0 ? "\n" : "")));
        using Image written = Image.Text(text, font: random.Next(2) == 0 ? "sans 10" : "serif 12", width: Width - 60, dpi: 72 + random.Next(60));
        using Image page = written.Embed(30, 30, Width, Height);
        double[] paper = [225 + random.Next(31), 225 + random.Next(31), 215 + random.Next(41)];
        return Finish(Blend(page / 255, paper, [random.Next(60), random.Next(60), random.Next(60)]));
    }

    private static Image Screenshot(Random random)
    {
        Image screen = Flat([230 + random.Next(26), 230 + random.Next(26), 230 + random.Next(26)]);
        return screen.Mutate(m =>
        {
            for (int i = 0; i < 12 + random.Next(30); i++)
            {
                m.DrawRect(Colour(random), random.Next(Width), random.Next(Height), 20 + random.Next(200), 8 + random.Next(60), fill: random.Next(3) > 0);
            }
        });
    }

    private static Image Landscape(Random random)
    {
        Image sky = Blend(Clouds(random, 160), [90, 140, 200], [235, 240, 250]), ground = Blend(Clouds(random, 20), [20, 60 + random.Next(60), 20], [120, 150, 70]);
        using Image xy = Image.Xyz(Width, Height);
        Image isGround = (xy[1] > ((Clouds(random, 220) * 150) + 130 + random.Next(100)));
        return Finish(isGround.Ifthenelse(ground, sky));
    }

    private static Image XRay(Random random)
    {
        using Image xy = Image.Xyz(Width, Height);
        Image bright = Image.Black(Width, Height);
        for (int i = 0; i < 4 + random.Next(8); i++)
        {
            Image dx = xy[0] - random.Next(Width), dy = xy[1] - random.Next(Height);
            double a = 20 + random.Next(200), b = 20 + random.Next(200);
            bright += (((dx * dx) / (a * a)) + ((dy * dy) / (b * b)) + 1).Pow(-1) * random.Next(40, 160);
        }

        Image grey = (bright + Image.Gaussnoise(Width, Height, mean: 0, sigma: 6, seed: random.Next())).Cast(Enums.BandFormat.Uchar);
        return Finish(grey.Bandjoin(grey, grey));
    }

    private static Image Histology(Random random)
    {
        Image cells = Image.Worley(Width, Height, cellSize: 12 + random.Next(30), seed: random.Next());
        Image share = cells / cells.Max();
        return Finish(Blend(share, [110 + random.Next(40), 50 + random.Next(40), 130 + random.Next(40)], [240, 200 + random.Next(30), 225]));
    }

    private static Image Skin(Random random)
    {
        double tone = random.NextDouble();
        double[] light = [245 - (140 * tone), 205 - (130 * tone), 185 - (130 * tone)], dark = [.. light.Select(c => c * 0.86)];
        Image texture = (Clouds(random, 6) * 0.3) + (Clouds(random, 40) * 0.4) + (Ramp(random) * 0.3);
        return Finish(Blend(texture, dark, light) + Image.Gaussnoise(Width, Height, mean: 0, sigma: 3, seed: random.Next()));
    }

    private static Image Stripes(Random random)
    {
        using Image xy = Image.Xyz(Width, Height);
        int step = 6 + random.Next(50);
        Image across = (xy[0] / step).Floor() % 2;
        Image share = random.Next(2) == 0 ? across : (across + ((xy[1] / step).Floor() % 2)) % 2;
        return Finish(Blend(share, Colour(random), Colour(random)));
    }
}
