using Lentigo.Core.Imaging;
using Lentigo.Core.Inference;
using Lentigo.Training.Data;
using NetVips;

namespace Lentigo.Training.Evaluation;

/// <summary>Compares the predictions on photographs before and after changes that do not alter the lesion.</summary>
internal static class Robustness
{
    private const int TrainingWidth = 200, TrainingHeight = 150, TrainingQuality = 75, Hairs = 12, HairSegments = 24;
    private const double FrameShare = 0.08, HairBrightness = 40;

    private static readonly (string Change, Func<Image, int, byte[]> Of)[] Changes =
    [
        ($"reduced to {TrainingWidth} x {TrainingHeight}, JPEG {TrainingQuality}, like the training images", (image, _) => Reduced(image)),
        ("rotated by 90 degrees", (image, _) => Lossless(image.Rot90())),
        ("mirrored", (image, _) => Lossless(image.FlipHor())),
        ("warmer light (red + 8 %, blue - 8 %)", (image, _) => Lossless(Balanced(image, 1.08, 0.92))),
        ("cooler light (red - 8 %, blue + 8 %)", (image, _) => Lossless(Balanced(image, 0.92, 1.08))),
        ($"with a black frame of {FrameShare:P0} of the shorter side", (image, _) => Lossless(Framed(image))),
        ($"with {Hairs} hairs drawn", (image, seed) => Lossless(Haired(image, seed))),
    ];

    /// <summary>Classifies each photograph unchanged and after each change.</summary>
    /// <param name="model">The ensemble.</param>
    /// <param name="files">The photographs, in their original size.</param>
    /// <exception cref="DataSetException">There are none, or one cannot be decoded.</exception>
    public static IReadOnlyList<RobustnessFigures> Measure(EnsembleModel model, IReadOnlyList<ImageFile> files)
    {
        if (files.Count == 0)
        {
            throw new DataSetException("The folder of --robustness holds no photographs.");
        }

        double[][] Answers(Func<byte[], int, byte[]> change) => [.. files.Select((file, i) =>
        {
            try
            {
                return Classify(model, change(File.ReadAllBytes(file.Path), i));
            }
            catch (Exception e) when (e is ImageRejectedException or VipsException)
            {
                throw new DataSetException($"{file.Path} cannot be decoded: {e.Message.Split('\n')[0]} Replace the file, or take it out.", e);
            }
        })];
        double[][] original = Answers((bytes, _) => bytes);
        return [.. Changes.Select(change =>
        {
            double[][] changed = Answers((bytes, i) =>
            {
                using Image opened = Image.NewFromBuffer(bytes);
                using Image upright = opened.Autorot();
                using Image rgb = upright.Colourspace(Enums.Interpretation.Srgb);
                using Image image = rgb.Bands > 3 ? rgb.ExtractBand(0, n: 3) : rgb.Copy();
                return change.Of(image, i);
            });
            double[] shifts = [.. original.Zip(changed, (a, b) => a.Zip(b).Sum(p => Math.Abs(p.First - p.Second)) / 2)];
            return new RobustnessFigures(
                change.Change, files.Count, original.Zip(changed).Count(p => Top(p.First) != Top(p.Second)), shifts.Average(), shifts.Max(),
                original.Zip(changed).Average(p =>
                    Math.Abs(Core.LesionClasses.MalignantProbability(p.First) - Core.LesionClasses.MalignantProbability(p.Second))));
        })];
    }

    private static double[] Classify(EnsembleModel model, byte[] file)
    {
        byte[] pixels = LesionImage.Decode(file, model.Manifest.Input.Size, new());
        return EnsembleOutput.Softmax(model.Classify(pixels, 1).Logits(0), model.Manifest.Temperature);
    }

    private static int Top(double[] probabilities) => Array.IndexOf(probabilities, probabilities.Max());


    private static byte[] Lossless(Image image)
    {
        using (image)
        {
            return image.PngsaveBuffer(compression: 1);
        }
    }

    private static byte[] Reduced(Image image)
    {
        using Image small = image.Resize((double)TrainingWidth / image.Width, kernel: Enums.Kernel.Cubic, vscale: (double)TrainingHeight / image.Height);
        return small.JpegsaveBuffer(q: TrainingQuality);
    }

    private static Image Balanced(Image image, double red, double blue)
    {
        using Image scaled = image.Linear([red, 1, blue], [0, 0, 0]);
        return scaled.Cast(Enums.BandFormat.Uchar); // saturates
    }

    private static Image Framed(Image image)
    {
        int frame = (int)Math.Round(FrameShare * Math.Min(image.Width, image.Height));
        using Image inner = image.ExtractArea(frame, frame, image.Width - (2 * frame), image.Height - (2 * frame));
        return inner.Embed(frame, frame, image.Width, image.Height, extend: Enums.Extend.Black);
    }

    /// <summary>Dark curved lines across the picture, about as thick as hairs in dermoscopy, reproducible by seed.</summary>
    private static Image Haired(Image image, int seed)
    {
        Random random = new(seed);
        int radius = Math.Max(1, Math.Min(image.Width, image.Height) / 250);
        return image.Mutate(drawn =>
        {
            for (int hair = 0; hair < Hairs; hair++)
            {
                double x = random.NextDouble() * image.Width, y = random.NextDouble() * image.Height, angle = random.NextDouble() * 2 * Math.PI;
                double bend = (random.NextDouble() - 0.5) * 0.15, step = 0.6 * Math.Min(image.Width, image.Height) / HairSegments;
                for (int segment = 0; segment < HairSegments; segment++, angle += bend)
                {
                    (double nextX, double nextY) = (x + (step * Math.Cos(angle)), y + (step * Math.Sin(angle)));
                    for (int offset = -radius; offset <= radius; offset++)
                    {
                        bool steep = Math.Abs(Math.Sin(angle)) > Math.Abs(Math.Cos(angle));
                        (int dx, int dy) = steep ? (offset, 0) : (0, offset);
                        drawn.DrawLine([HairBrightness, HairBrightness * 0.8, HairBrightness * 0.7], (int)x + dx, (int)y + dy, (int)nextX + dx,
                            (int)nextY + dy);
                    }

                    (x, y) = (nextX, nextY);
                }
            }
        });
    }
}
