using System.Text.RegularExpressions;
using Lentigo.Core;
using Lentigo.Training.Data;
using Lentigo.Training.Tests.Weights;

namespace Lentigo.Training.Tests.Commands;

/// <summary>Each mistake ends with a sentence and exit code 1 (the work failed) or 2 (the command makes no sense), never with a stack trace.</summary>
public sealed partial class BadInputTests : IDisposable
{
    private const int Failed = 1, BadUsage = 2;
    private readonly TemporaryFolder _folder = new();

    public BadInputTests() => SyntheticLesions.WriteHam10000(_folder["data"], perClass: 2, size: 32);

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--members", "resnet19", "There is no member 'resnet19'. Known members: resnet18,")]
    [InlineData("--members", "resnet18,resnet18", "named twice")]
    [InlineData("--members", "resnet18@x", "a name and a seed such as resnet18@7")]
    [InlineData("--members", ",", "No members were named")]
    [InlineData("--device", "tpu", "There is no device 'tpu'. Known devices: auto, cpu, cuda.")]
    [InlineData("--recipe", "weak", "There is no recipe 'weak'")]
    [InlineData("--split", "random", "There is no split 'random'. Known: lesion, image, official.")]
    [InlineData("--fold", "6/5", "write i/k with i from 1 to k")]
    [InlineData("--balance", "age", "balance is 'age'; known: none, class, stratum")]
    [InlineData("--flips", "diagonal", "flips is 'diagonal'; known: none, horizontal, all")]
    [InlineData("--lr", "-1", "learningRate is -1; it must lie between")]
    [InlineData("--size", "8", "size is 8; it must lie between 16 and 1024")]
    [InlineData("--epochs", "many", "Cannot parse argument 'many' for option '--epochs'")]
    [InlineData("--select-on", "600x450", "Resolutions here: 32")]
    [InlineData("--prior", "1,1", "--prior takes seven numbers")]
    [InlineData("--learning-rate", "1", "Unrecognized command or argument '--learning-rate'")]
    [InlineData("--threads", "0", "--threads must be 1 or more")]
    [InlineData("--limit", "0", "--limit must be 1 or more")]
    [InlineData("--checkpoints", "runs/one", "names a container without its account")]
    [InlineData("--checkpoints", "http://127.0.0.1:1/account/runs", "Add a SAS, or give the account's connection string")]
    [InlineData("--checkpoints", "https://account.blob.core.windows.net", "names no container")]
    public async Task An_option_that_makes_no_sense_is_bad_usage(string option, string value, string says) =>
        await RefusesAsync(BadUsage, says, _folder["data"], option, value);

    [Fact]
    public async Task CUDA_without_a_GPU_is_bad_usage()
    {
        Assert.SkipWhen(TorchSharp.torch.cuda.is_available(), "This machine has a GPU.");
        await RefusesAsync(BadUsage, "use --device cpu", _folder["data"], "--device", "cuda");
    }

    [Theory]
    [InlineData("""{ "optimiser": "adamw", "lernRate": 1 }""", "unknown keys: optimiser, lernRate. Known keys: name, size, epochs,")]
    [InlineData("""{ "epochs": "ten" }""", "the value of epochs is not of its kind (line 1)")]
    [InlineData("""{ "epochs": 0 }""", "epochs is 0; it must lie between 1 and 10000")]
    [InlineData("""{ "optimizer": "sgd" }""", "optimizer is 'sgd'; known: adam, adamw")]
    [InlineData("{ \"epochs\": 3,\n \"seed\" }", "it is not valid JSON (line 2)")]
    [InlineData("[]", "is no JSON object")]
    [InlineData("", "it is not valid JSON (line 1)")]
    public async Task A_recipe_file_that_cannot_be_used_is_bad_usage(string recipe, string says)
    {
        File.WriteAllText(_folder["recipe.json"], recipe);
        await RefusesAsync(BadUsage, says, _folder["data"], "--recipe", _folder["recipe.json"]);
    }

    [Fact]
    public async Task Data_that_are_not_there_or_no_data_set_fail()
    {
        await RefusesAsync(Failed, "There is no data set at", _folder["nowhere"]);
        Directory.CreateDirectory(_folder["empty"]);
        await RefusesAsync(Failed, "has no metadata CSV", _folder["empty"]);
        File.WriteAllText(_folder["notes.txt"], "");
        await RefusesAsync(Failed, "not a MedMNIST .npz", _folder["notes.txt"]);
    }

    [Fact]
    public async Task A_data_set_with_one_class_fails()
    {
        for (int i = 0; i < 6; i++)
        {
            SyntheticLesions.WriteImage(_folder[Path.Combine("one", "nv", $"{i}.jpg")], 5, i, 32);
        }

        await RefusesAsync(Failed, "all of one class; at least two are needed", _folder["one"]);
    }

    [Fact]
    public async Task A_data_set_with_two_images_fails()
    {
        SyntheticLesions.WriteImage(_folder[Path.Combine("two", "nv", "a.jpg")], 5, 1, 32);
        SyntheticLesions.WriteImage(_folder[Path.Combine("two", "mel", "b.jpg")], 4, 1, 32);
        await RefusesAsync(Failed, "too few images (2) to split", _folder["two"]);
    }

    [Fact]
    public async Task A_label_out_of_range_fails_and_names_the_line()
    {
        string csv = _folder[Path.Combine("data", DataSetFiles.Ham10000FileName)];
        File.WriteAllText(csv, File.ReadAllText(csv).Replace(",vasc,", ",scc,", StringComparison.Ordinal));
        await RefusesAsync(Failed, $"line 8: the class code 'scc' of image ISIC_0000006 is not one of {string.Join(", ", LesionClasses.Codes)}",
            _folder["data"]);
    }

    [Fact]
    public async Task Images_without_labels_fail()
    {
        string csv = _folder[Path.Combine("data", DataSetFiles.Ham10000FileName)];
        File.WriteAllText(csv, File.ReadAllText(csv).Replace(",vasc,", ",,", StringComparison.Ordinal));
        await RefusesAsync(Failed, "images without a label", _folder["data"]);
    }

    [Fact]
    public async Task An_unreadable_image_fails_and_is_named()
    {
        string image = _folder[Path.Combine("data", "HAM10000_images_part_1", "ISIC_0000003.jpg")];
        File.WriteAllText(image, "not an image");
        await RefusesAsync(Failed, image, _folder["data"]);
    }

    [Fact]
    public async Task A_split_file_that_is_not_there_fails_and_one_beside_a_split_is_bad_usage()
    {
        await RefusesAsync(Failed, "nowhere.csv", _folder["data"], "--split-file", _folder["nowhere.csv"]);
        await RefusesAsync(BadUsage, "--split and --split-file cannot both be given", _folder["data"], "--split-file", _folder["nowhere.csv"], "--split",
            "image");
    }

    [Fact]
    public async Task Weights_that_would_run_code_are_refused()
    {
        string path = _folder["evil.pth"];
        File.WriteAllBytes(path, new TorchSave().Begin().Text("x").Raw("cos\nsystem\n").Text("touch " + _folder["ran"]).Raw([0x85]).Raw("R").End());
        await RefusesAsync(Failed, "os.system", _folder["data"], "--weights", path);
        Assert.False(File.Exists(_folder["ran"]));
        await RefusesAsync(Failed, "There are no weights at", _folder["data"], "--weights", _folder["nowhere"]);
    }

    [Fact]
    public async Task A_training_that_diverges_fails_and_says_what_to_change()
    {
        File.WriteAllText(_folder["recipe.json"], """{ "optimizer": "adamw", "learningRate": 10, "weightDecay": 10, "schedule": "constant", "epochs": 50, "batchSize": 4, "size": 16 }""");
        await RefusesAsync(Failed, "Train into another --out with a lower learning rate", _folder["data"], "--recipe", _folder["recipe.json"]);
    }

    [Fact]
    public async Task A_run_that_is_there_is_not_overwritten()
    {
        Directory.CreateDirectory(_folder[Path.Combine("run", "checkpoints")]);
        File.WriteAllText(_folder[Path.Combine("run", "checkpoints", "resnet18.safetensors")], "");
        await RefusesAsync(BadUsage, "Continue it with --resume, or choose another --out", _folder["data"]);
    }

    [Fact]
    public async Task A_damaged_checkpoint_is_not_resumed()
    {
        Directory.CreateDirectory(_folder[Path.Combine("run", "checkpoints")]);
        File.WriteAllText(_folder[Path.Combine("run", "checkpoints", "resnet18.safetensors")], "half");
        await RefusesAsync(Failed, "cannot be read as safetensors", _folder["data"], "--resume");
    }

    [Theory]
    [InlineData("Give either --run")]
    [InlineData("Give either --run", "--run", "x", "--model", "y", "--member", "resnet18")]
    [InlineData("Give either --run", "--model", "y")]
    [InlineData("Give either --run", "--run", "x", "--member", "resnet18")]
    [InlineData("--name '../x' is not a plain file name", "--run", "x", "--name", "../x")]
    [InlineData("--precision cannot be combined with --member", "--model", "y", "--member", "resnet18", "--precision", "int8")]
    public async Task An_export_is_of_trained_members_or_of_one_member_of_a_package(string says, params string[] arguments)
    {
        (int code, _, string error) = await LentigoConsole.RunAsync(["export", "--data", _folder["data"], "--out", _folder["models"], .. arguments]);
        Assert.Equal(BadUsage, code);
        Assert.Contains(says, error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_output_folder_that_cannot_be_made_fails()
    {
        File.WriteAllText(_folder["run"], "a file, not a folder");
        await RefusesAsync(Failed, _folder["run"], _folder["data"]);
    }

    private async Task RefusesAsync(int exitCode, string says, string data, params string[] more)
    {
        string[] members = more.Contains("--members") ? [] : ["--members", "resnet18"],
            recipe = more.Contains("--recipe") ? [] : ["--epochs", "1", "--size", "16"];
        if (more.Contains("--size") || more.Contains("--epochs"))
        {
            recipe = [];
        }

        (int code, string output, string error) =
            await LentigoConsole.RunAsync(["train", "--data", data, "--out", _folder["run"], "--no-cache", .. members, .. recipe, .. more]);
        Assert.True(code == exitCode && error.Contains(says, StringComparison.Ordinal), $"Exit code {code}: {error}\n{output}");
        Assert.DoesNotMatch(StackTrace(), error + output);
    }

    [GeneratedRegex(@"^\s+at \S+\(", RegexOptions.Multiline)]
    private static partial Regex StackTrace();
}
