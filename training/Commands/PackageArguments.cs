using System.CommandLine;
using Lentigo.Core.Models;
using Lentigo.OnnxExport;
using Lentigo.Training.Data;
using Lentigo.Training.Packaging;
using Lentigo.Training.Trainers;

namespace Lentigo.Training.Commands;

/// <summary>The options that say how a package is written, for the verbs that write one.</summary>
internal static class PackageArguments
{
    private static readonly Option<string> Name = new("--name") { Description = "The model's name in its manifest.", DefaultValueFactory = _ => "lentigo" };
    public static readonly Option<OnnxPrecision> Precision =
        new("--precision") { HelpName = "float32|float16|int8", Description = "The precision of the stored weights.",
        DefaultValueFactory = _ => OnnxPrecision.Float32 };
    private static readonly Option<string?> Licence =
        new("--license", "--licence") { HelpName = "text", Description = "The license of the weights, for the manifest." };
    private static readonly Option<bool> EmbedImages =
        new("--embed-images") { Description = "Show the images with the largest errors in the report. Their license must permit it." };

    /// <summary>The options as given.</summary>
    public static PackageOptions Of(ParseResult arguments) => new()
    {
        Name = arguments.GetValue(Name)!,
        Precision = arguments.GetValue(Precision),
        Licence = arguments.GetValue(Licence),
        EmbedImages = arguments.GetValue(EmbedImages),
        Photographs = DataArguments.PhotographsOf(arguments),
    };

    /// <summary>Adds the options to a verb that writes a package.</summary>
    public static void AddTo(Command command)
    {
        command.Validators.Add(result =>
        {
            if (result.GetValue(Name) is { } name && !ModelPackage.IsPlainName(name))
            {
                result.AddError($"--name '{name}' is not a plain file name. Use letters, digits and . _ - + @, beginning with a letter or digit.");
            }
        });
        command.Add(Name);
        command.Add(Precision);
        command.Add(Licence);
        command.Add(EmbedImages);
        command.Add(DataArguments.Photographs);
    }

    /// <summary>Writes the package of trained members and prints its figures.</summary>
    public static void Write(IReadOnlyList<TrainedMember> members, LesionDataSet data, IReadOnlyList<DataSetSplit> splits, string folder, ParseResult arguments)
    {
        Console.WriteLine($"Exporting {string.Join(" + ", members.Select(m => m.Name))} ...");
        WrittenPackage written = EnsemblePackage.Write(members, data, splits, folder, Of(arguments));
        EvaluationTables.Print(written.Metrics, written.Package.Manifest);
        long bytes = new FileInfo(written.Package.OnnxPath).Length;
        Console.WriteLine($"ONNX Runtime agrees with TorchSharp: no output is further off than {written.Parity.LargestDifferences.Values.Max():g2}. The graph "
            + $"takes {bytes / 1e6:f1} MB, its temperature is {written.Package.Manifest.Temperature}.");
        Console.WriteLine($"The package is {written.Package.Folder}; its report is report.html there.");
    }
}
