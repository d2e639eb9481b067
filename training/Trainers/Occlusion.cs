using Lentigo.Training.Recipes;
using TorchSharp;
using static TorchSharp.torch;

namespace Lentigo.Training.Trainers;

/// <summary>
/// Draws what occludes lesions in dermoscopy over images: hairs, the dark rim of the dermatoscope, and patches of one color such as ink and stickers.
/// </summary>
/// <param name="recipe">How often each is drawn.</param>
internal sealed class Occlusion(TrainingRecipe recipe)
{
    private const int MostHairs = 14;

    /// <summary>The image side for which lengths are given below; they scale with the image.</summary>
    private const double ReferenceSide = 112;

    /// <summary>Draws over each image of a batch independently.</summary>
    /// <param name="images">float [n, 3, s, s] in 0 to 1.</param>
    /// <returns>A new tensor of the same shape in 0 to 1, or the input where the recipe draws nothing.</returns>
    public Tensor Apply(Tensor images)
    {
        if (recipe is { Hairs: 0, Frame: 0, Erase: 0 })
        {
            return images;
        }

        using DisposeScope scope = NewDisposeScope();
        (int n, int side) = ((int)images.shape[0], (int)images.shape[^1]);
        int plane = side * side;
        // Seeded from Torch's generator, so that a resumed training draws the same occlusions; with a seed per image, so that threads can share the work.
        Random random = new((int)randint(0, int.MaxValue, [1], dtype: ScalarType.Int64).item<long>());
        int[] seeds = [.. Enumerable.Range(0, n).Select(_ => random.Next())];
        byte[] drawn = new byte[n * Canvas.Planes * plane];
        Parallel.For(0, n, new ParallelOptions { MaxDegreeOfParallelism = get_num_threads() }, () => new Canvas(side), (i, _, canvas) =>
        {
            if (Draw(canvas, new(seeds[i])))
            {
                canvas.MoveTo(drawn.AsSpan(i * Canvas.Planes * plane, Canvas.Planes * plane));
            }

            return canvas;
        }, _ => { });

        // A pixel becomes (1 - opacity) * image + opacity * drawn color.
        Tensor layers = tensor(drawn, [n, Canvas.Planes, side, side]).to(images.device).to(ScalarType.Float32) / byte.MaxValue;
        Tensor opacity = layers.narrow(1, 0, 1), colors = layers.narrow(1, 1, Canvas.Planes - 1);
        return images.lerp(colors, opacity.expand_as(images)).MoveToOuterDisposeScope();
    }

    /// <summary>Draws what the recipe and chance choose for one image; says whether that is anything.</summary>
    private bool Draw(Canvas canvas, Random random)
    {
        bool drawn = false;
        foreach ((double probability, Action<Canvas, Random> draw) in new[] { (recipe.Erase, DrawPatch), (recipe.Hairs, (Action<Canvas, Random>)DrawHairs),
            (recipe.Frame, DrawFrame) })
        {
            if (random.NextDouble() < probability)
            {
                draw(canvas, random);
                drawn = true;
            }
        }

        return drawn;
    }

    /// <summary>A rectangle of 2 % to 15 % of the image in one color: random erasing (Zhong et al. 2017, arXiv:1708.04896).</summary>
    private static void DrawPatch(Canvas canvas, Random random)
    {
        double area = Between(random, 0.02, 0.15) * canvas.Side * canvas.Side, aspect = Math.Exp(Between(random, -1, 1));
        double width = Math.Sqrt(area * aspect), height = area / width;
        double left = random.NextDouble() * (canvas.Side - width), top = random.NextDouble() * (canvas.Side - height);
        (float, float, float) color = (random.NextSingle(), random.NextSingle(), random.NextSingle());
        for (int y = Math.Max(0, (int)top); y < Math.Min(canvas.Side, top + height); y++)
        {
            for (int x = Math.Max(0, (int)left); x < Math.Min(canvas.Side, left + width); x++)
            {
                canvas.Draw(x, y, 1, color);
            }
        }
    }

    /// <summary>A few curved lines, mostly dark, as thick as body hair appears in dermoscopy.</summary>
    private static void DrawHairs(Canvas canvas, Random random)
    {
        double scale = canvas.Side / ReferenceSide;
        int hairs = random.Next(1, MostHairs + 1);
        float light = (float)(random.NextDouble() < 0.85 ? Between(random, 0.05, 0.35) : Between(random, 0.7, 0.95));
        (float, float, float) color = (light, light * 0.85f, light * 0.75f);
        for (int hair = 0; hair < hairs; hair++)
        {
            double x = random.NextDouble() * canvas.Side, y = random.NextDouble() * canvas.Side, angle = random.NextDouble() * 2 * Math.PI;
            double radius = Between(random, 0.15, 0.8) * scale, bend = Between(random, -0.02, 0.02) / scale, length = Between(random, 0.3, 1.2) * canvas.Side;
            const double step = 0.5;
            for (double walked = 0; walked < length; walked += step, angle += bend * step)
            {
                canvas.DrawDisc(x, y, radius, color);
                x += step * Math.Cos(angle);
                y += step * Math.Sin(angle);
            }
        }
    }

    /// <summary>Dark borders of different widths, or darkness outside of an ellipse.</summary>
    private static void DrawFrame(Canvas canvas, Random random)
    {
        double side = canvas.Side, softness = Between(random, 0.5, 3) * side / ReferenceSide;
        float dark = (float)Between(random, 0, 0.1);
        (float, float, float) color = (dark, dark, dark);
        bool round = random.NextDouble() < 0.5;
        double[] borders = [.. Enumerable.Range(0, 4).Select(_ => random.NextDouble() < 0.75 ? Between(random, 0, 0.13) * side : 0)];
        double radius = Between(random, 0.45, 0.72) * side, aspect = Between(random, 0.8, 1.25);
        double centerX = (0.5 + Between(random, -0.05, 0.05)) * side, centerY = (0.5 + Between(random, -0.05, 0.05)) * side;
        for (int y = 0; y < canvas.Side; y++)
        {
            for (int x = 0; x < canvas.Side; x++)
            {
                (double px, double py) = (x + 0.5, y + 0.5);
                // The depth of the pixel inside the dark area; negative outside.
                double depth = round
                    ? Distance((px - centerX) / aspect, (py - centerY) * aspect) - radius
                    : Math.Max(Math.Max(borders[0] - px, borders[1] - py), Math.Max(px - (side - borders[2]), py - (side - borders[3])));
                canvas.Draw(x, y, (float)Math.Clamp((depth / softness) + 0.5, 0, 1), color);
            }
        }
    }

    private static double Between(Random random, double least, double most) => least + (random.NextDouble() * (most - least));

    private static double Distance(double x, double y) => Math.Sqrt((x * x) + (y * y));

    /// <summary>What is drawn over one image; used for one image after another.</summary>
    private sealed class Canvas(int side)
    {
        /// <summary>The planes of a finished drawing: opacity, red, green, blue.</summary>
        public const int Planes = 4;

        private readonly float[] _opacity = new float[side * side];
        private readonly (float Red, float Green, float Blue)[] _colors = new (float, float, float)[side * side];

        public int Side => side;

        /// <summary>Blends a color over a pixel and over what was drawn there before.</summary>
        public void Draw(int x, int y, float cover, (float Red, float Green, float Blue) color)
        {
            if (cover <= 0)
            {
                return;
            }

            int at = (y * side) + x;
            (float red, float green, float blue) = _colors[at];
            float before = _opacity[at] * (1 - cover), after = before + cover;
            _colors[at] = (((red * before) + (color.Red * cover)) / after, ((green * before) + (color.Green * cover)) / after,
                ((blue * before) + (color.Blue * cover)) / after);
            _opacity[at] = after;
        }

        /// <summary>A disc with a soft edge. Pixels that are already covered more keep their color.</summary>
        public void DrawDisc(double x, double y, double radius, (float Red, float Green, float Blue) color)
        {
            int reach = (int)Math.Ceiling(radius + 0.5);
            double most = Math.Min(1, 2 * radius);
            for (int row = Math.Max(0, (int)y - reach); row <= Math.Min(side - 1, (int)y + reach); row++)
            {
                for (int column = Math.Max(0, (int)x - reach); column <= Math.Min(side - 1, (int)x + reach); column++)
                {
                    float cover = (float)(most * Math.Clamp(radius + 0.5 - Distance(column + 0.5 - x, row + 0.5 - y), 0, 1));
                    float before = _opacity[(row * side) + column];
                    if (cover > before)
                    {
                        Draw(column, row, (cover - before) / (1 - before), color);
                    }
                }
            }
        }

        /// <summary>Writes the drawing [planes][side][side], 255 for 1, and clears the canvas.</summary>
        public void MoveTo(Span<byte> drawing)
        {
            int plane = side * side;
            for (int at = 0; at < plane; at++)
            {
                if (_opacity[at] > 0)
                {
                    drawing[at] = Level(_opacity[at]);
                    drawing[plane + at] = Level(_colors[at].Red);
                    drawing[(2 * plane) + at] = Level(_colors[at].Green);
                    drawing[(3 * plane) + at] = Level(_colors[at].Blue);
                }
            }

            Array.Clear(_opacity);
        }

        private static byte Level(float value) => (byte)((value * byte.MaxValue) + 0.5f);
    }
}
