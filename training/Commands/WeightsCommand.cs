using System.CommandLine;
using Lentigo.Core;
using Lentigo.Training.Networks;
using Lentigo.Training.Recipes;
using Lentigo.Training.Weights;
using static TorchSharp.torch;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>weights</c>: <c>weights download resnet18</c>.</summary>
internal static class WeightsCommand
{
    private static readonly Argument<string> Network = new("network")
    {
        Description = $"The network whose weights to download: {string.Join(", ", PretrainedWeights.All.Select(w => w.Network))}.",
    };

    private static readonly Option<string> Out = new("--out")
    {
        HelpName = "folder",
        Description = "Where to save the file; pass the same folder to train --weights.",
        DefaultValueFactory = _ => PretrainedWeights.DefaultFolder,
    };

    private static readonly Argument<string> WeightsFile = new("file") { Description = "A .safetensors or .pth file, or a folder that train --weights takes." };
    private static readonly Option<string> Member = new("--member") { Required = true, Description = "The member that would start from it." };
    private static readonly Option<int> Size =
        new("--size") { HelpName = "px", Description = "The side of its input; a transformer has parameters per patch.",
        DefaultValueFactory = _ => TrainingRecipe.Paper.Size };

    public static Command Create()
    {
        Command download = new("download", "Downloads torchvision's official ImageNet weights of a network and checks their hash.") { Network, Out };
        download.SetAction((arguments, cancellationToken) =>
        {
            string network = arguments.GetValue(Network)!;
            PretrainedWeights weights = PretrainedWeights.All.FirstOrDefault(w => w.Network == network)
                ?? throw new UsageException($"There are no public weights for '{network}'. There are for: "
                    + $"{string.Join(", ", PretrainedWeights.All.Select(w => w.Network))}.");
            return DownloadAsync(weights, arguments.GetValue(Out)!, cancellationToken);
        });
        Command show = new("show", "Shows how a weights file maps to a member: names, shapes, and what does not fit.") { WeightsFile, Member, Size };
        show.SetAction(Show);
        return new("weights", "Weights to start training from.") { download, show };
    }

    private static int Show(ParseResult arguments)
    {
        MemberSpec member;
        nn.Module<Tensor, Tensor> created;
        try
        {
            member = MemberSpec.Parse(arguments.GetValue(Member)!, seed: 1)[0];
            created = member.Architecture.Create(LesionClasses.Count, arguments.GetValue(Size));
        }
        catch (TrainingException e)
        {
            throw new UsageException(e.Message);
        }

        using nn.Module<Tensor, Tensor> network = created;
        string path = arguments.GetValue(WeightsFile)!;
        string file = StartWeights.Find(path, member) ?? throw new WeightsFileException($"The folder {path} has no weights for {member.Name}.");
        StartWeightsReport report = StartWeights.Load(network, file, images: [], member.Architecture.PublicNames);
        foreach (string line in report.Lines())
        {
            Console.WriteLine(line);
        }

        Console.WriteLine(TrainingConsole.Describe(member.Name, report));
        return 0;
    }

    private static async Task<int> DownloadAsync(PretrainedWeights weights, string folder, CancellationToken cancellationToken)
    {
        using HttpClient http = new() { Timeout = Timeout.InfiniteTimeSpan }; // a stalled download has its own time limit
        string path = await ProgressBar.RunAsync(weights.FileName, bytes: true, progress => weights.DownloadAsync(folder, http, progress, cancellationToken));
        Console.WriteLine($"{path} is complete and its hash is correct. Torchvision weights, trained on ImageNet, BSD-3-Clause.");
        return 0;
    }
}
