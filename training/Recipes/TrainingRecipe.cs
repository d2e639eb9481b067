using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Lentigo.Training.Recipes;

/// <summary>Every hyper-parameter of a training. The defaults are the paper's recipe.</summary>
internal sealed record TrainingRecipe
{
    /// <summary>The recipe's name.</summary>
    public string Name { get; init; } = "paper";

    /// <summary>The side of the input in pixels. The paper resizes to 64 x 64.</summary>
    public int Size { get; init; } = 64;

    /// <summary>How often each training image is seen.</summary>
    public int Epochs { get; init; } = 30;

    /// <summary>Images a step.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary><c>adam</c> (Kingma and Ba 2015, the paper's) or <c>adamw</c> (Loshchilov and Hutter 2019, arXiv:1711.05101).</summary>
    public string Optimizer { get; init; } = "adam";

    /// <summary>The learning rate: the first one of <c>plateau</c>, the highest of <c>one-cycle</c> and <c>cosine</c>. The paper's is 1e-4.</summary>
    public double LearningRate { get; init; } = 1e-4;

    /// <summary>AdamW's decoupled decay of weights with two or more dimensions; biases and normalisations do not decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>
    /// <c>plateau</c> (the paper's: times <see cref="PlateauFactor"/> after <see cref="PlateauPatience"/> epochs without a lower validation loss),
    /// <c>one-cycle</c> (Smith and Topin 2018, arXiv:1708.07120), <c>cosine</c> (Loshchilov and Hutter 2017, arXiv:1608.03983) or <c>constant</c>.
    /// </summary>
    public string Schedule { get; init; } = "plateau";

    /// <summary>The share of the steps in which the learning rate rises: PyTorch's 0.3 for <c>one-cycle</c>; the warm-up of <c>cosine</c>.</summary>
    public double WarmUp { get; init; } = 0.3;

    /// <summary>Epochs without improvement that <c>plateau</c> bears. The paper's 10.</summary>
    public int PlateauPatience { get; init; } = 10;

    /// <summary>What <c>plateau</c> multiplies the learning rate with. The paper's 0.1.</summary>
    public double PlateauFactor { get; init; } = 0.1;

    /// <summary>The share of the target that is spread over all classes (Szegedy et al. 2016, arXiv:1512.00567).</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>Mirror images, each axis with probability one half. The paper's.</summary>
    public bool Flip { get; init; } = true;

    /// <summary>The largest rotation in degrees, either way. The paper's 15; a lesion has no upright, so 180 is allowed.</summary>
    public double Rotation { get; init; } = 15;

    /// <summary>The largest relative change of scale: 0.15 gives 0.85 to 1.15.</summary>
    public double Scale { get; init; }

    /// <summary>The largest relative change of brightness. The paper jitters colour without saying how far.</summary>
    public double Brightness { get; init; } = 0.1;

    /// <summary>The largest relative change of contrast.</summary>
    public double Contrast { get; init; } = 0.1;

    /// <summary>The largest relative change of saturation.</summary>
    public double Saturation { get; init; } = 0.1;

    /// <summary>The largest shift of each colour channel, for pixels in 0 to 1: lamps and cameras differ.</summary>
    public double ColourShift { get; init; }

    /// <summary>
    /// The probability with which the colour of the light is taken out of an image (shades of grey), so that the network sees lesions under
    /// neutral light too. It is an augmentation: images that are classified stay as they are.
    /// </summary>
    public double ColourConstancy { get; init; }

    /// <summary>
    /// The probability with which an image is reduced to a random size between <see cref="DegradeSize"/> and the input's and enlarged
    /// again, so that sharpness says little of the class.
    /// </summary>
    public double Degrade { get; init; }

    /// <summary>The smallest size in pixels that degradation reduces to.</summary>
    public int DegradeSize { get; init; } = 28;

    /// <summary>The probability with which hairs are drawn over an image.</summary>
    public double Hairs { get; init; }

    /// <summary>The probability with which an image gets a dark rim, straight or round, as dermatoscopes leave it.</summary>
    public double Frame { get; init; }

    /// <summary>The probability with which a rectangle of one colour is laid over a part of an image (Zhong et al. 2017, arXiv:1708.04896).</summary>
    public double Erase { get; init; }

    /// <summary>The parameter of mixup's beta distribution (Zhang et al. 2018, arXiv:1710.09412); 0 is off.</summary>
    public double Mixup { get; init; }

    /// <summary>The probability with which a batch is cut and mixed instead (Yun et al. 2019, arXiv:1905.04899); 0 is off.</summary>
    public double Cutmix { get; init; }

    /// <summary>The exponent of focal loss (Lin et al. 2017, arXiv:1708.02002); 0 is cross-entropy.</summary>
    public double FocalGamma { get; init; }

    /// <summary>The beta of class weights by effective numbers (Cui et al. 2019, arXiv:1901.05555), e.g. 0.999; 0 weighs all alike.</summary>
    public double ClassWeightBeta { get; init; }

    /// <summary>
    /// <c>none</c>: every image once an epoch. <c>class</c>: classes drawn by their count to the power <see cref="BalancePower"/>.
    /// <c>stratum</c>: the same distribution of classes within each resolution, so that the resolution says nothing of the class.
    /// After balanced training the logits are corrected for the class prior of the whole data set.
    /// </summary>
    public string Balance { get; init; } = "none";

    /// <summary>0 draws all classes (and strata) equally often, 1 as often as they occur.</summary>
    public double BalancePower { get; init; } = 0.5;

    /// <summary>The decay a step of the moving average of the weights, which is then validated and kept; 0 is off.</summary>
    public double Ema { get; init; }

    /// <summary>The largest norm of the gradient; 0 does not clip.</summary>
    public double ClipNorm { get; init; }

    /// <summary>The <see cref="SelectOn"/> that chooses nothing: the last epoch's weights are kept.</summary>
    public const string KeepLast = "none";

    /// <summary>
    /// The validation images on whose loss the checkpoint is chosen: <c>all</c> or a resolution, e.g. <c>220</c>. <c>none</c> keeps the last epoch's: where the
    /// learning rate falls to zero and validation images are few, the lowest loss is often that of an early epoch which was lucky, or not yet sure of itself.
    /// </summary>
    public string SelectOn { get; init; } = "all";

    /// <summary>The views whose logits are averaged, in validation and in the exported graph: <c>none</c>, <c>horizontal</c> or <c>all</c> (four flips).</summary>
    public string Flips { get; init; } = "none";

    /// <summary>
    /// The type that convolutions compute in while training: <c>float32</c>, or <c>bfloat16</c> with float32 weights, which is faster for ResNet on
    /// processors that have it (see <c>ReducedPrecision</c>). Validation and the exported graph are float32 always.
    /// </summary>
    public string Compute { get; init; } = "float32";

    /// <summary>The seed of weights, batches and augmentation. One seed gives the same losses on the CPU with the same number of threads.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The share of the target that is a teacher's answer (Hinton et al. 2015, arXiv:1503.02531); the rest is the label.</summary>
    public double Distillation { get; init; }

    /// <summary>The name and version of the ensemble that teaches; null for none.</summary>
    public string? Teacher { get; init; }

    /// <summary>A first training on other images, whose weights this one starts from; null for none.</summary>
    public Pretraining? Pretraining { get; init; }

    /// <summary>The recipe of the first training: this one with what <see cref="Pretraining"/> says instead.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public TrainingRecipe OfPretraining()
    {
        Pretraining first = Pretraining ?? throw new InvalidOperationException("The recipe has no first training.");
        return this with { Pretraining = null, Distillation = 0, Teacher = null, Size = first.Size, Epochs = first.Epochs, LearningRate = first.LearningRate ?? LearningRate, SelectOn = KeepLast };
    }

    /// <summary>The recipe of the paper: Adam 1e-4, x0.1 after 10 epochs without improvement, flips, rotation of 15 degrees, colour jitter.</summary>
    public static TrainingRecipe Paper { get; } = new();

    /// <summary>
    /// A stronger recipe: AdamW and one cycle, any rotation, changes of scale, small ones of brightness, contrast and colour, smoothed labels, mean over
    /// four flips. Colour tells lesions apart: larger changes of it cost accuracy (bench/ablation measures what each choice gains).
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
            throw new TrainingException($"There is no recipe '{nameOrFile}'. Use 'paper', 'strong' or a JSON file such as {{\"name\": \"mine\", \"optimizer\": \"adamw\"}}.");
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
            throw new TrainingException(string.Create(CultureInfo.InvariantCulture, $"The recipe {nameOrFile} cannot be used: {value} (line {e.LineNumber + 1})."), e);
        }
    }

    /// <summary>This recipe, if its values make sense together.</summary>
    /// <exception cref="TrainingException">One does not.</exception>
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
        foreach ((string name, double value) in new[] { (nameof(Scale), Scale), (nameof(Brightness), Brightness), (nameof(Contrast), Contrast), (nameof(Saturation), Saturation), (nameof(ColourShift), ColourShift) })
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
