using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Lentigo.Training.Commands;

/// <summary>Shows progress: a live bar on a terminal, occasional lines elsewhere.</summary>
internal static class ProgressBar
{
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);

    /// <summary>Runs work that reports how much is done.</summary>
    /// <param name="title">What is being done.</param>
    /// <param name="bytes">Whether the amounts are bytes.</param>
    /// <param name="work">The work.</param>
    public static async Task<T> RunAsync<T>(string title, bool bytes, Func<IProgress<(long Done, long? Total)>, Task<T>> work)
    {
        if (Console.IsOutputRedirected || !AnsiConsole.Profile.Capabilities.Interactive)
        {
            return await work(new Lines(title, bytes));
        }

        ProgressColumn[] columns = [new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
            new RemainingTimeColumn()];
        return await AnsiConsole.Progress()
            .Columns(bytes ? [.. columns, new DownloadedColumn(), new TransferSpeedColumn()] : columns)
            .StartAsync(context =>
            {
                ProgressTask bar = context.AddTask(Markup.Escape(title));
                bar.IsIndeterminate = true;
                return work(new Bar(bar));
            });
    }

    /// <summary>Reports on the calling thread: <see cref="Progress{T}"/> would post each report to the thread pool, out of order.</summary>
    private sealed class Bar(ProgressTask task) : IProgress<(long Done, long? Total)>
    {
        public void Report((long Done, long? Total) value)
        {
            task.IsIndeterminate = value.Total is null;
            task.MaxValue = value.Total ?? Math.Max(value.Done, 1);
            task.Value = Math.Max(task.Value, value.Done); // several threads report, not always in order
        }
    }

    private sealed class Lines(string title, bool bytes) : IProgress<(long Done, long? Total)>
    {
        private readonly Lock _lock = new();
        private readonly Stopwatch _clock = Stopwatch.StartNew();

        public void Report((long Done, long? Total) value)
        {
            lock (_lock)
            {
                if (_clock.Elapsed < PlainInterval)
                {
                    return;
                }

                _clock.Restart();
            }

            Console.WriteLine($"  {title}: {Amount(value.Done)}{(value.Total is { } total ? $" of {Amount(total)}" : "")}");
        }

        private string Amount(long value) => bytes ? string.Create(CultureInfo.InvariantCulture, $"{value / 1048576.0:f1} MiB") : $"{value}";
    }
}
