using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Lentigo.Training.Recipes;

/// <summary>All hyperparameters of a training. The defaults are the paper's recipe.</summary>
internal sealed record TrainingRecipe
{
    /// <summary>The recipe's name.</summary>
    public string Name { get; init; } = "paper";

    /// <summary>The side of the input in pixels. The paper resizes to 64 x 64.</summary>
    public int Size { get; init; } = 64;

    /// <summary>The number of passes over the training images.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Images per step.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary><c>adam</c> (Kingma and Ba 2015, the paper's) or <c>adamw</c> (Loshchilov and Hutter 2019, arXiv:1711.05101).</summary>
    public string Optimizer { get; init; } = "adam";

    /// <summary>The learning rate: the initial one of <c>plateau</c>, the peak of <c>one-cycle</c> and <c>cosine</c>. The paper's is 1e-4.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>AdamW's decoupled weight decay, applied to weights with two or more dimensions, not to biases and normalizations.</summary>
    public double WeightDecay { get; init; }

    /// <summary>
    /// <c>plateau</c> (the paper's: times <see cref="PlateauFactor"/> after <see cref="PlateauPatience"/> epochs without a lower validation loss),
    /// <c>one-cycle</c> (Smith and Topin 2018, arXiv:1708.07120), <c>cosine</c> (Loshchilov and Hutter 2017, arXiv:1608.03983) or <c>constant</c>.
    /// </summary>
    public string Schedule { get; init; } = "plateau";

    /// <summary>The share of the steps in which the learning rate increases: 0.3 in PyTorch for <c>one-cycle</c>; the warm-up of <c>cosine</c>.</summary>
    public double WarmUp { get; init; } = 0.3;

    /// <summary>Epochs without improvement after which <c>plateau</c> reduces the learning rate. The paper uses 10.</summary>
    public int PlateauPatience { get; init; } = 10;

    /// <summary>The factor by which <c>plateau</c> reduces the learning rate. The paper uses 0.1.</summary>
    public double PlateauFactor { get; init; } = 0.1;

    /// <summary>Label smoothing: the share of the target that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Random flips along each axis, with probability one half, as in the paper.</summary>
    public bool Flip { get; init; } = true;

    /// <summary>
    /// The largest rotation in degrees, in either direction. The paper uses 15; lesions have no canonical orientation, so up to 180 makes sense.
    /// </summary>
    public double Rotation { get; init; } = 15;

    /// <summary>The largest relative change of scale: 0.15 gives 0.85 to 1.15.</summary>
    public double Scale { get; init; }

    /// <summary>The largest relative change of brightness. The paper jitters color without giving amounts.</summary>
    public double Brightness { get; init; } = 0.1;

    /// <summary>The largest relative change of contrast.</summary>
    public double Contrast { get; init; } = 0.1;

    /// <summary>The largest relative change of saturation.</summary>
    public double Saturation { get; init; } = 0.1;

    /// <summary>The largest shift of each color channel, for pixels in 0 to 1, to simulate different light sources and cameras.</summary>
    public double ColourShift { get; init; }

    /// <summary>
    /// The probability with which the color of the illuminant is removed from an image (shades of gray), so that the network sees lesions under
    /// neutral light too. This is an augmentation: it is not applied at inference.
    /// </summary>
    public double ColourConstancy { get; init; }

    /// <summary>
    /// The probability with which an image is downscaled to a random size between <see cref="DegradeSize"/> and that of the input and enlarged
    /// again, so that sharpness carries little information about the class.
    /// </summary>
    public double Degrade { get; init; }

    /// <summary>The smallest size in pixels to which degradation downscales.</summary>
    public int DegradeSize { get; init; } = 28;

    /// <summary>The probability with which hairs are drawn over an image.</summary>
    public double Hairs { get; init; }

    /// <summary>The probability with which an image gets a dark rim, straight or round, as dermatoscopes produce it.</summary>
    public double Frame { get; init; }

    /// <summary>The probability of random erasing: a rectangle of one color over a part of an image (Zhong et al. 2017, arXiv:1708.04896).</summary>
    public double Erase { get; init; }

    /// <summary>The parameter of mixup's beta distribution (Zhang et al. 2018, arXiv:1710.09412); 0 is off.</summary>
    public double Mixup { get; init; }

    /// <summary>The probability with which CutMix replaces mixup for a batch (Yun et al. 2019, arXiv:1905.04899); 0 is off.</summary>
    public double Cutmix { get; init; }

    /// <summary>The exponent of focal loss (Lin et al. 2017, arXiv:1708.02002); 0 is cross-entropy.</summary>
    public double FocalGamma { get; init; }

    /// <summary>
    /// The beta of class-balanced loss weights (effective numbers: Cui et al. 2019, arXiv:1901.05555), e.g. 0.999; 0 weighs all classes equally.
    /// </summary>
    public double ClassWeightBeta { get; init; }

    /// <summary>
    /// <c>none</c>: every image once per epoch. <c>class</c>: classes are sampled in proportion to their count to the power <see cref="BalancePower"/>.
    /// <c>stratum</c>: with the same class distribution within each resolution, so that the resolution carries no information about the class.
    /// The logits are then corrected for the class prior of the whole data set.
    /// </summary>
    public string Balance { get; init; } = "none";

    /// <summary>0 samples all classes (and strata) equally often, 1 as often as they occur.</summary>
    public double BalancePower { get; init; } = 0.5;

    /// <summary>The decay per step of the exponential moving average of the weights, which is then validated and kept; 0 is off.</summary>
    public double Ema { get; init; }

    /// <summary>The norm to which gradients are clipped; 0 is off.</summary>
    public double ClipNorm { get; init; }

    /// <summary>The value of <see cref="SelectOn"/> that keeps the last epoch's weights.</summary>
    public const string KeepLast = "none";

    /// <summary>
    /// The validation images whose loss selects the checkpoint: <c>all</c> or a resolution, e.g. <c>220</c>. <c>none</c> keeps the last epoch: with few
    /// validation
    /// images and a learning rate that falls to zero, the lowest loss is often that of an early epoch, by chance or because the network is still
    /// underconfident.
    /// </summary>
    public string SelectOn { get; init; } = "all";

    /// <summary>
    /// The views whose logits are averaged, in validation and in the exported graph: <c>none</c>, <c>horizontal</c> or <c>all</c> (four flips).
    /// </summary>
    public string Flips { get; init; } = "none";

    /// <summary>
    /// The data type of convolutions in training: <c>float32</c>, or <c>bfloat16</c> with float32 weights, which is faster for ResNet on
    /// processors that have it (see <c>ReducedPrecision</c>). Validation and the exported graph are float32 always.
    /// </summary>
    public string Compute { get; init; } = "float32";

    /// <summary>The seed of weights, batches and augmentation. One seed gives the same losses on the CPU with the same number of threads.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>
    /// The weight of the teacher's probabilities in the target (knowledge distillation: Hinton et al. 2015, arXiv:1503.02531); the rest is the label.
    /// </summary>
    public double Distillation { get; init; }

    /// <summary>The name and version of the teacher; null for none.</summary>
    public string? Teacher { get; init; }

    /// <summary>Pretraining on other images, from whose weights the training starts; null for none.</summary>
    public Pretraining? Pretraining { get; init; }

    /// <summary>The recipe of pretraining: this one with the values of <see cref="Pretraining"/>.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public TrainingRecipe OfPretraining()
    {
        Pretraining first = Pretraining ?? throw new InvalidOperationException("The recipe has no pretraining.");
        return this with { Pretraining = null, Distillation = 0, Teacher = null, Size = first.Size, Epochs = first.Epochs,
            LearningRate = first.LearningRate ?? LearningRate, SelectOn = KeepLast };
    }

    /// <summary>The recipe of the paper: Adam 1e-4, x0.1 after 10 epochs without improvement, flips, rotation of 15 degrees, color jitter.</summary>
    public static TrainingRecipe Paper { get; } = new();

    /// <summary>
    /// A stronger recipe: AdamW with a one-cycle schedule, any rotation, scaling, small changes of brightness, contrast and color, label smoothing, mean over
    /// four flips. Lesions are told apart by color, so larger color changes cost accuracy (bench/ablation measures the gain of each choice).
    /// </summary>
    public static TrainingRecipe Strong { get; } = new()
    {
        Name = "strong",
        Optimizer = "adamw",
        LearningRate = 4e-4,
        WeightDecay = 0.05,
        Schedule = "one-cycle",
        LabelSmoothing = 0.05,
        Rotation = 180,
        Scale = 0.15,
        Brightness = 0.05,
        Contrast = 0.05,
        Saturation = 0.05,
        ColourShift = 0.01,
        Flips = "all",
    };

    /// <summary>The keys of a recipe file.</summary>
    public static IReadOnlyList<string> Keys { get; } =
        [.. typeof(TrainingRecipe).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.CanWrite).Select(p => Key(p.Name))];

    /// <summary>The recipe of a name, or of a JSON file whose keys are this record's.</summary>
    /// <exception cref="TrainingException">There is no such recipe, or the file has unknown keys or values.</exception>
    public static TrainingRecipe Load(string nameOrFile)
    {
        switch (nameOrFile)
        {
            case "paper":
                return Paper;
            case "strong":
                return Strong;
        }

        if (!File.Exists(nameOrFile))
        {
            throw new TrainingException($"There is no recipe '{nameOrFile}'. Use 'paper', 'strong' or a JSON file such as {{\"name\": \"mine\", \"optimizer\": "
                + "\"adamw\"}.");
        }

        try
        {
            byte[] json = File.ReadAllBytes(nameOrFile);
            using JsonDocument document = JsonDocument.Parse(json);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                throw new TrainingException($"The recipe {nameOrFile} is no JSON object, such as {{\"name\": \"mine\", \"optimizer\": \"adamw\"}}.");
            }

            string[] unknown = [.. document.RootElement.EnumerateObject().Select(p => p.Name).Except(Keys)];
            return unknown.Length > 0
                ? throw new TrainingException($"The recipe {nameOrFile} has unknown keys: {string.Join(", ", unknown)}. Known keys: {string.Join(", ", Keys)}.")
                : JsonSerializer.Deserialize<TrainingRecipe>(json, TrainingJson.Options)!.Checked();
        }
        catch (JsonException e)
        {
            string value = e.Path is { Length: > 2 } path ? $"the value of {path[2..]} is not of its kind" : "it is not valid JSON";
            throw new TrainingException(string.Create(CultureInfo.InvariantCulture,
                $"The recipe {nameOrFile} cannot be used: {value} (line {e.LineNumber + 1})."), e);
        }
    }

    /// <summary>Checks the values and returns this recipe.</summary>
    /// <exception cref="TrainingException">A value is out of its range, or unknown.</exception>
    public TrainingRecipe Checked()
    {
        Range(nameof(Size), Size, 16, 1024);
        Range(nameof(Epochs), Epochs, 1, 10_000);
        Range(nameof(BatchSize), BatchSize, 2, 4096);
        Range(nameof(LearningRate), LearningRate, 1e-9, 10);
        Range(nameof(WeightDecay), WeightDecay, 0, 10);
        Range(nameof(WarmUp), WarmUp, 0, 0.99);
        Range(nameof(PlateauFactor), PlateauFactor, 1e-6, 1);
        Range(nameof(PlateauPatience), PlateauPatience, 0, 10_000);
        Range(nameof(LabelSmoothing), LabelSmoothing, 0, 0.99);
        Range(nameof(Rotation), Rotation, 0, 180);
        foreach ((string name, double value) in new[] { (nameof(Scale), Scale), (nameof(Brightness), Brightness), (nameof(Contrast), Contrast),
            (nameof(Saturation), Saturation), (nameof(ColourShift), ColourShift) })
        {
            Range(name, value, 0, 0.99);
        }

        Range(nameof(ColourConstancy), ColourConstancy, 0, 1);
        Range(nameof(Degrade), Degrade, 0, 1);
        Range(nameof(DegradeSize), DegradeSize, 4, 1024);
        Range(nameof(Hairs), Hairs, 0, 1);
        Range(nameof(Frame), Frame, 0, 1);
        Range(nameof(Erase), Erase, 0, 1);
        Range(nameof(Mixup), Mixup, 0, 100);
        Range(nameof(Cutmix), Cutmix, 0, 1);
        Range(nameof(FocalGamma), FocalGamma, 0, 10);
        Range(nameof(ClassWeightBeta), ClassWeightBeta, 0, 0.999999);
        Range(nameof(BalancePower), BalancePower, 0, 1);
        Range(nameof(Ema), Ema, 0, 0.999999);
        Range(nameof(ClipNorm), ClipNorm, 0, 1e6);
        Range(nameof(Distillation), Distillation, 0, 1);
        OneOf(nameof(Optimizer), Optimizer, "adam", "adamw");
        OneOf(nameof(Schedule), Schedule, "plateau", "one-cycle", "cosine", "constant");
        OneOf(nameof(Balance), Balance, "none", "class", "stratum");
        OneOf(nameof(Compute), Compute, "float32", "bfloat16");
        OneOf(nameof(Flips), Flips, "none", "horizontal", "all");
        if (Pretraining is { } first)
        {
            CheckPretraining(first);
        }

        return this;
    }

    private static void CheckPretraining(Pretraining first)
    {
        Range("Pretraining.Size", first.Size, 16, 1024);
        Range("Pretraining.Epochs", first.Epochs, 1, 10_000);
        Range("Pretraining.LearningRate", first.LearningRate ?? 1, 1e-9, 10);
    }

    private static void Range(string name, double value, double least, double most)
    {
        if (!(value >= least && value <= most))
        {
            throw new TrainingException($"The recipe's {Key(name)} is {value}; it must lie between {least} and {most}.");
        }
    }

    private static void OneOf(string name, string value, params string[] known)
    {
        if (!known.Contains(value))
        {
            throw new TrainingException($"The recipe's {Key(name)} is '{value}'; known: {string.Join(", ", known)}.");
        }
    }

    private static string Key(string name) => string.Join('.', name.Split('.').Select(JsonNamingPolicy.CamelCase.ConvertName));
}
