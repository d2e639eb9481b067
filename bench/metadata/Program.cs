using System.Globalization;
using Lentigo.Core;
using Lentigo.Core.Evaluation;
using Lentigo.Core.Inference;
using Lentigo.Core.Models;
using Lentigo.Training;
using Lentigo.Training.Data;
using Lentigo.Training.Evaluation;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

// What age, sex and site of a lesion add to what the ensemble sees: a linear layer from these to the logits, added to those of the ensemble, fitted and
// measured on the validation images by five-fold cross-validation by lesion. While fitting, each attribute is left out of a third of the rows, so that the layer
// also answers where nothing is known.
//   dotnet run --project bench/metadata -c Release -- models/lentigo ham10000-160
const int Folds = 5, Steps = 400;
const double Withheld = 1.0 / 3, LearningRate = 0.05, Penalty = 0.002;
if (args.Length != 2)
{
    Console.Error.WriteLine("Name a model package and the data set that it was validated on, such as models/lentigo ham10000-160.");
    return 2;
}

NativeTuning.Apply();
manual_seed(1);
using EnsembleModel model = EnsembleModel.Load(ModelPackage.Open(args[0]), new() { Device = InferenceDevice.Cpu });
ModelManifest manifest = model.Manifest;
using LesionDataSet data = DataSets.Open(args[1], manifest.Input.Size, skipMissing: false, Console.Error.WriteLine, new(PixelCache.UserFolder));
DataSetSplit split = DataSetSplit.Make(data, SplitKind.Lesion, seed: 1);
if (split.Fingerprint != manifest.Data!.SplitFingerprint)
{
    Console.Error.WriteLine($"{manifest.Name} {manifest.Version} was trained on another split than fold 1 of 5 of {data.Name}: its validation images are not new to it.");
    return 1;
}

EnsembleAnswers answers = EnsembleAnswers.Compute(model, data, split.Val);
LesionRecord[] records = [.. split.Val.Select(i => data.Records[i])];
int[] labels = [.. records.Select(r => r.Label)];
string[] lesions = [.. records.Select(r => r.LesionOrId)], sites = [.. records.Select(r => r.Attributes?.Site).OfType<string>().Distinct().Order(StringComparer.Ordinal)];
int[] folds = FoldsOf(lesions);
float[][] logits = [.. answers.Logits.Select(row => row.Select(z => (float)(z / manifest.Temperature)).ToArray())];

// The columns of each attribute; all zero where it is unknown.
float[][] age = [.. records.Select(r => r.Attributes?.Age is { } years ? new[] { 1, (float)(years - 50) / 20, (float)Math.Pow((years - 50) / 20, 2) } : [0, 0, 0])];
float[][] sex = [.. records.Select(r => new[] { r.Attributes?.Sex == "female" ? 1f : 0, r.Attributes?.Sex == "male" ? 1f : 0 })];
float[][] site = [.. records.Select(r => sites.Select(s => r.Attributes?.Site == s ? 1f : 0).ToArray())];
Console.WriteLine($"{manifest.Name} {manifest.Version}, {records.Length} validation images of {data.Name}; age known of {records.Count(r => r.Attributes?.Age is not null)}, "
    + $"sex of {sex.Count(row => row.Sum() > 0)}, site of {site.Count(row => row.Sum() > 0)}.");
Console.WriteLine("The difference from the ensemble alone, whose class biases are fitted in the same way; 95 % intervals by lesion.");
Console.WriteLine($"{"added",-34} {"log loss",8}  {"accuracy",-32} {"balanced, uniform prior",-32} {"macro AUC",-32} malignant AUC");
double[][] alone = Predict([], known: true);
Print("nothing", alone, null);
foreach ((string name, float[][][] attributes) in new (string, float[][][])[] { ("age", [age]), ("sex", [sex]), ("site", [site]), ("age, sex and site", [age, sex, site]) })
{
    Print(name, Predict(attributes, known: true), alone);
}

Print("age, sex and site, none known", Predict([age, sex, site], known: false), alone);
return 0;

// Out-of-fold probabilities [n][7].
double[][] Predict(float[][][] attributes, bool known)
{
    double[][] probabilities = new double[labels.Length][];
    for (int fold = 0; fold < Folds; fold++)
    {
        using DisposeScope scope = NewDisposeScope();
        int[] fitted = [.. Enumerable.Range(0, labels.Length).Where(i => folds[i] != fold)], measured = [.. Enumerable.Range(0, labels.Length).Where(i => folds[i] == fold)];
        Tensor Rows(float[][] rows, int[] chosen) => tensor(chosen.SelectMany(i => rows[i]).ToArray(), [chosen.Length, rows[0].Length]);
        Parameter[] weights = [.. attributes.Select(a => new Parameter(zeros(a[0].Length, LesionClasses.Count)))];
        Parameter bias = new(zeros(LesionClasses.Count));
        Tensor target = tensor([.. fitted.Select(i => (long)labels[i])], dtype: ScalarType.Int64);
        Tensor fittedLogits = Rows(logits, fitted);
        Tensor[] inputs = [.. attributes.Select(a => Rows(a, fitted))];
        using optim.Optimizer optimizer = optim.Adam([.. weights, bias], LearningRate);
        for (int step = 0; step < Steps; step++)
        {
            using DisposeScope stepScope = NewDisposeScope();
            Tensor z = fittedLogits + bias;
            for (int a = 0; a < inputs.Length; a++)
            {
                z += (inputs[a] * (rand(fitted.Length, 1) >= Withheld).to(ScalarType.Float32)).matmul(weights[a]);
            }

            optimizer.zero_grad();
            weights.Aggregate(nn.functional.cross_entropy(z, target), (loss, w) => loss + (w.square().sum() * Penalty)).backward();
            optimizer.step();
        }

        using IDisposable noGradient = no_grad();
        Tensor answer = Rows(logits, measured) + bias;
        for (int a = 0; a < attributes.Length && known; a++)
        {
            answer += Rows(attributes[a], measured).matmul(weights[a]);
        }

        float[] values = answer.softmax(1).data<float>().ToArray();
        for (int i = 0; i < measured.Length; i++)
        {
            probabilities[measured[i]] = [.. values.Skip(i * LesionClasses.Count).Take(LesionClasses.Count).Select(p => (double)p)];
        }
    }

    return probabilities;
}

void Print(string name, double[][] rows, double[][]? reference)
{
    double[][] Uniform(double[][] given) => [.. given.Select(p => ClassPrior.Reweigh(p, manifest.Prior!, ClassPrior.UniformShares))];
    ConfidenceIntervals natural = Of(rows, reference), uniform = Of(Uniform(rows), reference is null ? null : Uniform(reference));
    double loss = -rows.Select((p, i) => Math.Log(Math.Max(p[labels[i]], 1e-12))).Average();
    string format = reference is null ? "0.0000" : "+0.0000;-0.0000";
    string Number(double value) => value.ToString(format, CultureInfo.InvariantCulture);
    string Cell(ConfidenceInterval? i) => i is null ? "-" : $"{Number(i.Value)} ({Number(i.Low)} to {Number(i.High)})";
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-34} {loss,8:f4}  {Cell(natural.Accuracy),-32} {Cell(uniform.BalancedAccuracy),-32} {Cell(natural.MacroAuc),-32} {Cell(natural.MalignantAuc)}"));
}

ConfidenceIntervals Of(double[][] rows, double[][]? reference) =>
    reference is null ? ConfidenceIntervals.Compute(labels, rows, groups: lesions) : ConfidenceIntervals.Difference(labels, rows, reference, groups: lesions);

// [n]: the fold of each image; images of one lesion are in one fold.
static int[] FoldsOf(string[] lesions)
{
    string[] names = [.. lesions.Distinct()];
    new Random(1).Shuffle(names);
    Dictionary<string, int> folds = names.Index().ToDictionary(l => l.Item, l => l.Index % Folds, StringComparer.Ordinal);
    return [.. lesions.Select(l => folds[l])];
}
