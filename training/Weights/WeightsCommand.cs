using System.CommandLine;
using Spectre.Console;

namespace Lentigo.Training.Weights;

/// <summary>The verb <c>weights</c>: <c>weights download resnet18</c>.</summary>
public static class WeightsCommand
{
    /// <summary>The command, to be added to the program's root.</summary>
    public static Command Create()
    {
        Argument<string> network = new("network")
        {
            Description = $"The network whose ImageNet weights to get: {string.Join(", ", PretrainedWeights.All.Select(w => w.Network))}.",
        };
        network.AcceptOnlyFromAmong([.. PretrainedWeights.All.Select(w => w.Network)]);
        Option<DirectoryInfo> folder = new("--out")
        {
            Description = "The folder to put the file into.",
            DefaultValueFactory = _ => new(PretrainedWeights.DefaultFolder),
        };
        Command download = new("download", "Download torchvision's official weights of a network, with their hash checked.") { network, folder };
        download.SetAction((arguments, cancellation) => DownloadAsync(
            PretrainedWeights.All.First(w => w.Network == arguments.GetValue(network)), arguments.GetValue(folder)!.FullName, AnsiConsole.Console, cancellation));
        return new("weights", "Public weights to start training from.") { download };
    }

    internal static async Task<int> DownloadAsync(PretrainedWeights weights, string folder, IAnsiConsole console, CancellationToken cancellation)
    {
        using HttpClient http = new() { Timeout = Timeout.InfiniteTimeSpan }; // a stalled download has its own time limit
        try
        {
            string path = await console.Progress()
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
                .StartAsync(context =>
                {
                    ProgressTask bar = context.AddTask(Markup.Escape(weights.FileName));
                    bar.IsIndeterminate = true;
                    return weights.DownloadAsync(folder, http, new Bar(bar), cancellation);
                }).ConfigureAwait(false);
            console.WriteLine($"{path} is there and its hash is right. It is torchvision's, BSD-3-Clause, trained on ImageNet.");
            return 0;
        }
        catch (WeightsFileException e)
        {
            console.MarkupLineInterpolated($"[red]error:[/] {e.Message}");
            return 1;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            console.MarkupLineInterpolated($"[red]error:[/] Stopped. Nothing was kept; run the command again to start over.");
            return 1;
        }
    }

    /// <summary>Reports on the calling thread: Progress{T} would post each block to the thread pool, out of order.</summary>
    private sealed class Bar(ProgressTask task) : IProgress<(long Done, long? Total)>
    {
        public void Report((long Done, long? Total) value)
        {
            task.IsIndeterminate = value.Total is null;
            task.MaxValue = value.Total ?? value.Done;
            task.Value = value.Done;
        }
    }
}
