using System.CommandLine;
using Lentigo.Training.Weights;

namespace Lentigo.Training.Commands;

/// <summary>The verb <c>weights</c>: <c>weights download resnet18</c>.</summary>
internal static class WeightsCommand
{
    private static readonly Argument<string> Network = new("network")
    {
        Description = $"The network whose weights to get: {string.Join(", ", PretrainedWeights.All.Select(w => w.Network))}.",
    };

    private static readonly Option<string> Out = new("--out")
    {
        HelpName = "folder",
        Description = "Where to put the file; give the same folder to train --weights.",
        DefaultValueFactory = _ => PretrainedWeights.DefaultFolder,
    };

    public static Command Create()
    {
        Command download = new("download", "Downloads torchvision's official ImageNet weights of a network and checks their hash.") { Network, Out };
        download.SetAction((arguments, cancellationToken) =>
        {
            string network = arguments.GetValue(Network)!;
            PretrainedWeights weights = PretrainedWeights.All.FirstOrDefault(w => w.Network == network)
                ?? throw new UsageException($"There are no public weights for '{network}'. There are for: {string.Join(", ", PretrainedWeights.All.Select(w => w.Network))}.");
            return DownloadAsync(weights, arguments.GetValue(Out)!, cancellationToken);
        });
        return new("weights", "Public weights to start training from.") { download };
    }

    private static async Task<int> DownloadAsync(PretrainedWeights weights, string folder, CancellationToken cancellationToken)
    {
        using HttpClient http = new() { Timeout = Timeout.InfiniteTimeSpan }; // a stalled download has its own time limit
        string path = await ProgressBar.RunAsync(weights.FileName, bytes: true, progress => weights.DownloadAsync(folder, http, progress, cancellationToken));
        Console.WriteLine($"{path} is there and its hash is right. It is torchvision's, BSD-3-Clause, trained on ImageNet.");
        return 0;
    }
}
