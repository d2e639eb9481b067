using Lentigo.Training.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>Draws over images what hides parts of a lesion in dermoscopy: hairs, the instrument's dark rim, and patches of one colour as ink and stickers are.</summary>
/// <param name="recipe">How often each is drawn.</param>
internal sealed class Occlusion(TrainingRecipe recipe)
{
    private const int MostHairs = 14;

    /// <summary>The sides, radii and widths below are for images of this side; larger ones are drawn on in proportion.</summary>
    private const double ReferenceSide = 112;

    /// <summary>Draws over each image of a batch on its own.</summary>
    /// <param name="images">float [n, 3, s, s] in 0 to 1.</param>
    /// <returns>A new tensor of the same shape in 0 to 1, or the one given where the recipe draws nothing.</returns>
    public Tensor Apply(Tensor images)
    {
        if (recipe is { Hairs: 0, Frame: 0, Erase: 0 })
        {
            return images;
        }

        using DisposeScope scope = NewDisposeScope();
        (int n, int side) = ((int)images.shape[0], (int)images.shape[^1]);
        // Each pixel of an image is (1 - opacity) of its own colour and the rest of the drawn one.
        float[] opacity = new float[n * side * side], colours = new float[n * 3 * side * side];
        // The seed comes from Torch's generator, whose state a checkpoint keeps: a resumed training draws the same.
        Random random = new((int)randint(0, int.MaxValue, [1], dtype: ScalarType.Int64).item<long>());
        for (int i = 0; i < n; i++)
        {
            Canvas canvas = new(opacity.AsMemory(i * side * side, side * side), colours.AsMemory(i * 3 * side * side, 3 * side * side), side);
            if (random.NextDouble() < recipe.Erase)
            {
                DrawPatch(canvas, random);
            }

            if (random.NextDouble() < recipe.Hairs)
            {
                DrawHairs(canvas, random);
            }

            if (random.NextDouble() < recipe.Frame)
            {
                DrawFrame(canvas, random);
            }
        }

        Tensor over = tensor(opacity, [n, 1, side, side], device: images.device), drawn = tensor(colours, [n, 3, side, side], device: images.device);
        return ((images * (1 - over)) + (drawn * over)).MoveToOuterDisposeScope();
    }

    /// <summary>A rectangle of 2 % to 15 % of the image in one colour: random erasing (Zhong et al. 2017, arXiv:1708.04896).</summary>
    private static void DrawPatch(Canvas canvas, Random random)
    {
        double area = Between(random, 0.02, 0.15) * canvas.Side * canvas.Side, aspect = Math.Exp(Between(random, -1, 1));
        double width = Math.Sqrt(area * aspect), height = area / width;
        double left = random.NextDouble() * (canvas.Side - width), top = random.NextDouble() * (canvas.Side - height);
        (float, float, float) colour = (random.NextSingle(), random.NextSingle(), random.NextSingle());
        for (int y = Math.Max(0, (int)top); y < Math.Min(canvas.Side, top + height); y++)
        {
            for (int x = Math.Max(0, (int)left); x < Math.Min(canvas.Side, left + width); x++)
            {
                canvas.Draw(x, y, 1, colour);
            }
        }
    }

    /// <summary>A few bent lines, mostly dark, as thick as body hair through a dermatoscope.</summary>
    private static void DrawHairs(Canvas canvas, Random random)
    {
        double scale = canvas.Side / ReferenceSide;
        int hairs = random.Next(1, MostHairs + 1);
        float light = (float)(random.NextDouble() < 0.85 ? Between(random, 0.05, 0.35) : Between(random, 0.7, 0.95));
        (float, float, float) colour = (light, light * 0.85f, light * 0.75f);
        for (int hair = 0; hair < hairs; hair++)
        {
            double x = random.NextDouble() * canvas.Side, y = random.NextDouble() * canvas.Side, angle = random.NextDouble() * 2 * Math.PI;
            double radius = Between(random, 0.15, 0.8) * scale, bend = Between(random, -0.02, 0.02) / scale, length = Between(random, 0.3, 1.2) * canvas.Side;
            const double step = 0.5;
            for (double walked = 0; walked < length; walked += step, angle += bend * step)
            {
                canvas.DrawDisc(x, y, radius, colour);
                x += step * Math.Cos(angle);
                y += step * Math.Sin(angle);
            }
        }
    }

    /// <summary>Dark borders of unequal widths, or all dark outside of an ellipse.</summary>
    private static void DrawFrame(Canvas canvas, Random random)
    {
        double side = canvas.Side, softness = Between(random, 0.5, 3) * side / ReferenceSide;
        float dark = (float)Between(random, 0, 0.1);
        (float, float, float) colour = (dark, dark, dark);
        bool round = random.NextDouble() < 0.5;
        double[] borders = [.. Enumerable.Range(0, 4).Select(_ => random.NextDouble() < 0.75 ? Between(random, 0, 0.13) * side : 0)];
        double radius = Between(random, 0.45, 0.72) * side, aspect = Between(random, 0.8, 1.25);
        double centreX = (0.5 + Between(random, -0.05, 0.05)) * side, centreY = (0.5 + Between(random, -0.05, 0.05)) * side;
        for (int y = 0; y < canvas.Side; y++)
        {
            for (int x = 0; x < canvas.Side; x++)
            {
                (double px, double py) = (x + 0.5, y + 0.5);
                // How far into the dark the pixel lies.
                double depth = round
                    ? Math.Sqrt(Math.Pow((px - centreX) / aspect, 2) + Math.Pow((py - centreY) * aspect, 2)) - radius
                    : Math.Max(Math.Max(borders[0] - px, borders[1] - py), Math.Max(px - (side - borders[2]), py - (side - borders[3])));
                canvas.Draw(x, y, (float)Math.Clamp((depth / softness) + 0.5, 0, 1), colour);
            }
        }
    }

    private static double Between(Random random, double least, double most) => least + (random.NextDouble() * (most - least));

    /// <summary>What is drawn over one image.</summary>
    private readonly struct Canvas(Memory<float> opacity, Memory<float> colours, int side)
    {
        public int Side => side;

        /// <summary>Draws over a pixel, and over what was drawn there before.</summary>
        public void Draw(int x, int y, float cover, (float Red, float Green, float Blue) colour)
        {
            int at = (y * side) + x, plane = side * side;
            if (cover <= 0)
            {
                return;
            }

            Span<float> over = opacity.Span, drawn = colours.Span;
            float before = over[at] * (1 - cover), after = before + cover;
            drawn[at] = ((drawn[at] * before) + (colour.Red * cover)) / after;
            drawn[plane + at] = ((drawn[plane + at] * before) + (colour.Green * cover)) / after;
            drawn[(2 * plane) + at] = ((drawn[(2 * plane) + at] * before) + (colour.Blue * cover)) / after;
            over[at] = after;
        }

        /// <summary>A disc with a soft edge; where it covers less than what is drawn there already, that stays.</summary>
        public void DrawDisc(double x, double y, double radius, (float Red, float Green, float Blue) colour)
        {
            int reach = (int)Math.Ceiling(radius + 0.5);
            for (int row = Math.Max(0, (int)y - reach); row <= Math.Min(side - 1, (int)y + reach); row++)
            {
                for (int column = Math.Max(0, (int)x - reach); column <= Math.Min(side - 1, (int)x + reach); column++)
                {
                    double distance = Math.Sqrt(Math.Pow(column + 0.5 - x, 2) + Math.Pow(row + 0.5 - y, 2));
                    float cover = (float)Math.Clamp(Math.Min(1, 2 * radius) * Math.Clamp(radius + 0.5 - distance, 0, 1), 0, 1);
                    float before = opacity.Span[(row * side) + column];
                    if (cover > before)
                    {
                        Draw(column, row, (cover - before) / (1 - before), colour);
                    }
                }
            }
        }
    }
}
